"""Each rule about the sense of a playbook: a text it refuses, and a near one it lets pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller.errors import BadInput
from controller.language.loading import check, load_playbooks
from controller.settings import Settings

ROUTE = "route: {from: primary, to: fallback, share: 100%}"
EXPECT = "expect: degraded_share < 1% within"
P95 = "arm_latency_ms.p95{arm=primary}"


@dataclass(frozen=True)
class Case:
    """``bad`` gets ``rule`` in ``field`` with ``says`` in it; ``good`` gets no finding."""

    rule: str
    where: str
    says: str
    bad: dict[str, str]
    good: dict[str, str] = field(default_factory=dict)
    severity: str = "error"


CASES = {
    "a cooldown shorter than the verification": Case(
        "P030",
        "guards.cooldown",
        "shorter than the verification of all rungs (1m); accepted: at least 1m",
        {"do": f"[{{{ROUTE}, {EXPECT} 60s, else: keep}}]", "guards": "{cooldown: 59s}"},
        {"do": f"[{{{ROUTE}, {EXPECT} 60s, else: keep}}]", "guards": "{cooldown: 60s}"},
    ),
    "verification counts all rungs": Case(
        "P030",
        "guards.cooldown",
        "(90s)",
        {
            "do": f"[{{{ROUTE}, {EXPECT} 60s, else: next}}]",
            "otherwise": f"[[{{shed: {{share: 20%}}, {EXPECT} 30s, else: undo}}]]",
            "guards": "{cooldown: 60s}",
        },
        {
            "do": f"[{{{ROUTE}, {EXPECT} 60s, else: next}}]",
            "otherwise": f"[[{{shed: {{share: 20%}}, {EXPECT} 30s, else: undo}}]]",
            "guards": "{cooldown: 90s}",
        },
    ),
    "users' latency above the request deadline": Case(
        "P031",
        "when",
        "every user is answered by the request deadline of 200ms",
        {"when": "latency_ms.p95 > 250ms"},
        {"when": "latency_ms.p95 > 150ms"},
    ),
    "an arm's latency may be above it: cut attempts read as the maximum": Case(
        "P031",
        "when",
        "is never above 60000ms",
        {"when": f"{P95} > 60s"},
        {"when": f"{P95} > 250ms"},
    ),
    "a share above all": Case(
        "P031",
        "when.any[1]",
        "is never above 100%",
        {"when": '{any: ["arm_bad{arm=primary} > 20%", "arm_bad{arm=primary} > 100%"]}'},
        {"when": '{any: ["arm_bad{arm=primary} > 20%", "arm_bad{arm=primary} >= 100%"]}'},
    ),
    "a count below nothing": Case(
        "P031",
        "clear_when",
        "is never below 0",
        {"clear_when": "queue_depth{arm=primary} < 0"},
        {"clear_when": "queue_depth{arm=primary} <= 0"},
    ),
    "a lift may be negative, a rate of anomalies may not": Case(
        "P031",
        "when",
        "can never be met",
        {"when": f"anomaly({P95}) rarer than 0 per 30d"},
        {"when": "lift(ctr, primary, fallback).upper < -5%"},
    ),
    "more times than fit": Case(
        "P031",
        "when",
        "it cannot begin 3 times in 3s; accepted: within 4s or more",
        {"when": "arm_bad{arm=primary} > 20% 3 times within 3s"},
        {"when": "arm_bad{arm=primary} > 20% 3 times within 4s"},
    ),
    "clearing because it came and went": Case(
        "P027",
        "clear_when",
        "what comes and goes is not over; accepted: `for`",
        {"clear_when": "arm_bad{arm=primary}[30s] < 2% 3 times within 10m"},
        {"clear_when": "arm_bad{arm=primary}[30s] < 2% for 5 ticks"},
    ),
    "a budget beyond the service's for one arm": Case(
        "P039",
        "guards.budget",
        "the service's limit for target primary, 8 per 1h, allows 8 in 1h",
        {"guards": "{cooldown: 1m, budget: 8 per 1h}"},
        {"guards": "{cooldown: 1m, budget: 7 per 1h}"},
        severity="warning",
    ),
    "a budget over a day beyond the service's for models": Case(
        "P039",
        "guards.budget",
        "the service's limit for models, 4 per 1d, allows 8 in 2d",
        {"do": "[{revert: {arm: primary}}]", "guards": "{cooldown: 1m, budget: 9 per 2d}"},
        {"do": "[{notify: {channel: oncall}}]", "guards": "{cooldown: 1m, budget: 9 per 2d}"},
        severity="warning",
    ),
    "a condition that always holds": Case(
        "P041",
        "when.all[1]",
        "is always met",
        {"when": '{all: ["arm_bad{arm=primary} > 20%", "degraded_share >= 0%"]}'},
        {"when": '{all: ["arm_bad{arm=primary} > 20%", "degraded_share > 0%"]}'},
        severity="warning",
    ),
    "a window too short for the probes of a drained arm": Case(
        "P032",
        "clear_when",
        "5 probes/s give 25 in 5s; accepted: a window of at least 6s",
        {"clear_when": f"{P95}[5s] < 90ms for 60s"},
        {"clear_when": f"{P95}[6s] < 90ms for 60s"},
    ),
    "the default window counts too, and so does the expectation": Case(
        "P032",
        "do[0].expect",
        "needs a sample of 30",
        {"do": f"[{{{ROUTE}, expect: 'arm_bad{{arm=primary}} < 1% within 30s', else: keep}}]"},
        {"do": f"[{{{ROUTE}, expect: 'arm_bad{{arm=fallback}} < 1% within 30s', else: keep}}]"},
    ),
    "probes do not click": Case(
        "P032",
        "clear_when",
        "counts users only, and primary is drained",
        {"clear_when": "ctr{arm=primary} > 3% for 60s"},
        {
            "do": "[{route: {from: primary, to: fallback, share: 90%}}]",
            "clear_when": "ctr{arm=primary} > 3% for 60s",
        },
    ),
    "a retrain on missing data": Case(
        "P033",
        "do[1].retrain",
        "`no_data: act` would retrain on missing data; accepted: freeze, notify, shed, route to",
        {"no_data": "act", "do": f"[{{{ROUTE}}}, {{retrain: {{arm: primary, data: last 1d}}}}]"},
        {"no_data": "act", "do": f"[{{{ROUTE}}}, {{freeze: {{what: promotions}}}}]"},
    ),
    "a route away from the fallback on missing data": Case(
        "P033",
        "do[0].route",
        "accepted: freeze, notify, shed, route to fallback",
        {
            "when": '{if: "arm_bad{arm=primary} > 20%", no_data: act}',
            "do": "[{route: {from: primary, to: challenger, share: 100%}}]",
        },
        {
            "when": '{if: "arm_bad{arm=primary} > 20%", no_data: act}',
            "do": f"[{{{ROUTE}}}, {{notify: {{channel: oncall}}}}]",
        },
    ),
    "clearing on missing data": Case(
        "P033",
        "clear_when",
        "would pass on missing data; accepted: hold, escalate",
        {"clear_when": '{if: "arm_bad{arm=primary}[30s] < 2%", no_data: act}'},
        {"clear_when": '{if: "arm_bad{arm=primary}[30s] < 2%", no_data: escalate}'},
    ),
    "drift alone routes": Case(
        "P034",
        "do[0].route",
        "drift alone would route",
        {"when": '{if: "drift.shifted_features{arm=primary} >= 1", for: 2m}'},
        {
            "when": '{if: "drift.shifted_features{arm=primary} >= 1", for: 2m}',
            "do": "[{retrain: {arm: primary, data: last 24h, then: evaluate}}]",
        },
    ),
    "drift alone is one of the ways to fire": Case(
        "P034",
        "do[0].shed",
        "drift alone would shed",
        {
            "when": '{any: ["drift.psi{feature=age} > 0.2", "arm_bad{arm=primary} > 20%"]}',
            "do": "[{shed: {share: 20%}}]",
        },
        {
            "when": '{all: ["drift.psi{feature=age} > 0.2", "arm_bad{arm=primary} > 20%"]}',
            "do": "[{shed: {share: 20%}}]",
        },
    ),
    "not is seen through": Case(
        "P034",
        "do[0].route",
        "drift alone would route",
        {
            "when": '{not: {all: ["drift.psi{feature=age} < 0.2", "arm_bad{arm=primary} < 20%"]}}',
        },
        {
            "when": '{not: {any: ["drift.psi{feature=age} < 0.2", "arm_bad{arm=primary} < 20%"]}}',
        },
    ),
    "a condition that counts missing data as met is no witness": Case(
        "P034",
        "do[0].route",
        "drift alone would route",
        {
            "when": '{all: ["drift.psi{feature=age} > 0.2",'
            ' {if: "arm_bad{arm=primary} > 20%", no_data: act}]}'
        },
        {
            "when": '{all: ["drift.psi{feature=age} > 0.2",'
            ' {if: "arm_bad{arm=primary} > 20%", no_data: escalate}]}'
        },
    ),
    "that users come is no witness": Case(
        "P034",
        "do[0].route",
        "accepted: a signal of harm on its bad side",
        {"when": '{all: ["drift.psi{feature=age} > 0.2", "request_rate_per_s > 1/s"]}'},
        {"when": '{all: ["drift.psi{feature=age} > 0.2", "availability < 99%"]}'},
    ),
    "that telemetry arrives is no witness": Case(
        "P034",
        "do[0].route",
        "drift alone would route",
        {"when": '{all: ["drift.psi{feature=age} > 0.2", "source.silent_s{topic=outcome} < 1h"]}'},
        {"when": '{all: ["drift.psi{feature=age} > 0.2", "degraded_share > 5%"]}'},
    ),
    "the good side of a signal of harm is no witness": Case(
        "P034",
        "do[0].route",
        "drift alone would route",
        {"when": '{all: ["drift.psi{feature=age} > 0.2", "arm_bad{arm=primary} < 20%"]}'},
        {"when": '{all: ["drift.psi{feature=age} > 0.2", {not: "arm_bad{arm=primary} < 20%"}]}'},
    ),
    "what is not good for long enough is no witness": Case(
        "P034",
        "do[0].route",
        "drift alone would route",
        {"when": '{all: ["drift.psi{feature=age} > 0.2", {not: "latency_ms.p95 < 90ms for 3s"}]}'},
        {"when": '{all: ["drift.psi{feature=age} > 0.2", "latency_ms.p95 >= 90ms for 3s"]}'},
    ),
    "a route from an unknown arm": Case(
        "P035",
        "do[0].route.from",
        "unknown arm 'primry'; did you mean primary?",
        {"do": "[{route: {from: primry, to: fallback, share: 100%}}]"},
        {"do": "[{route: {from: challenger, to: fallback, share: 100%}}]"},
    ),
    "an arm that nothing binds": Case(
        "P025",
        "do[0].scale.arm",
        "nothing binds $arm; accepted: the name of an arm; or $arm, with `for_each: arm`",
        {"do": "[{scale: {arm: $arm, replicas: 4}}]"},
        {
            "for_each": "arm",
            "when": "arm_bad{arm=$arm} > 20% for 3s",
            "clear_when": "arm_bad{arm=$arm}[30s] < 2% for 60s",
            "do": "[{scale: {arm: $arm, replicas: 4}}]",
        },
    ),
    "a promotion into an unknown arm": Case(
        "P035",
        "do[0].promote.into",
        "unknown arm 'main'",
        {"do": "[{promote: {version: v1, into: main}}]"},
        {"do": "[{promote: {version: v1, into: primary}}]"},
    ),
    "a route to itself": Case(
        "P036",
        "do[0].route",
        "primary is routed to itself",
        {"do": "[{route: {from: primary, to: primary, share: 100%}}]"},
        {},
    ),
    "a circle of routes": Case(
        "P036",
        "do[1].route",
        "challenger to primary closes a circle",
        {
            "do": "[{route: {from: primary, to: challenger, share: 50%}},"
            " {route: {from: challenger, to: primary, share: 50%}}]"
        },
        {
            "do": "[{route: {from: primary, to: challenger, share: 50%}},"
            " {route: {from: challenger, to: fallback, share: 50%}}]"
        },
    ),
    "one arm routed twice": Case(
        "P036",
        "do[1].route",
        "primary is routed twice in one rung",
        {
            "do": "[{route: {from: primary, to: challenger, share: 50%}},"
            " {route: {from: primary, to: fallback, share: 50%}}]"
        },
        {
            "do": "[{route: {from: primary, to: challenger, share: 50%, where: {platform: ios}}},"
            " {route: {from: primary, to: fallback, share: 50%, where: {platform: web}}}]"
        },
    ),
    "an undo of what has none": Case(
        "P037",
        "do[0].else",
        "notify has no undo; accepted: next, keep",
        {"do": f"[{{notify: {{channel: oncall}}, {EXPECT} 30s, else: undo}}]"},
        {"do": f"[{{notify: {{channel: oncall}}, {EXPECT} 30s, else: next}}]"},
    ),
    "an expectation without time for a window": Case(
        "P038",
        "do[0].expect",
        "within 5s no window of 5s can start and end; accepted: at least 6s",
        {"do": f"[{{{ROUTE}, {EXPECT} 5s, else: keep}}]"},
        {"do": f"[{{{ROUTE}, {EXPECT} 6s, else: keep}}]"},
    ),
    "a budget that never binds": Case(
        "P039",
        "guards.budget",
        "a cooldown of 30m allows 3 in 1h",
        {"guards": "{cooldown: 30m, budget: 3 per 1h}"},
        {"guards": "{cooldown: 30m, budget: 2 per 1h}"},
        severity="warning",
    ),
    "a budget that ends before the ladder": Case(
        "P039",
        "guards.budget",
        "a budget of 1 per 1h never reaches the last rung; accepted: at least 2",
        {
            "do": f"[{{{ROUTE}, {EXPECT} 30s, else: next}}]",
            "otherwise": "[[{notify: {channel: oncall}}]]",
            "guards": "{budget: 1 per 1h}",
        },
        {
            "do": f"[{{{ROUTE}, {EXPECT} 30s, else: next}}]",
            "otherwise": "[[{notify: {channel: oncall}}]]",
            "guards": "{budget: 2 per 1h}",
        },
    ),
    "conditions that exclude each other": Case(
        "P031",
        "when.all",
        "'arm_bad{arm=primary} > 20%' and 'arm_bad{arm=primary} < 10%' can never be met together",
        {"when": '{all: ["arm_bad{arm=primary} > 20%", "arm_bad{arm=primary} < 10%"]}'},
        {"when": '{all: ["arm_bad{arm=primary} > 20%", "arm_bad{arm=primary} < 90%"]}'},
    ),
    "an undo of a promotion": Case(
        "P037",
        "do[0].else",
        "promote has no undo",
        {"do": f"[{{promote: {{version: v1, into: primary}}, {EXPECT} 30s, else: undo}}]"},
        {"do": f"[{{promote: {{version: v1, into: primary}}, {EXPECT} 30s, else: keep}}]"},
    ),
    "a hold shorter than a tick": Case(
        "P040",
        "when",
        "`for 500ms` is shorter than a tick (1s)",
        {"when": "arm_bad{arm=primary} > 20% for 500ms"},
        {"when": "arm_bad{arm=primary} > 20% for 1s"},
        severity="warning",
    ),
    "clearing while it fires": Case(
        "P042",
        "clear_when",
        "clears while 'arm_bad{arm=primary} > 20%' can still fire",
        {
            "when": "arm_bad{arm=primary} > 20%",
            "clear_when": "arm_bad{arm=primary}[30s] < 25% for 60s",
        },
        {
            "when": "arm_bad{arm=primary} > 20%",
            "clear_when": "arm_bad{arm=primary}[30s] < 20% for 60s",
        },
    ),
    "both at the very threshold": Case(
        "P042",
        "clear_when",
        "clears while",
        {
            "when": "arm_bad{arm=primary} >= 20%",
            "clear_when": "arm_bad{arm=primary}[30s] <= 20% for 60s",
        },
        {
            "when": "arm_bad{arm=primary} >= 20%",
            "clear_when": "arm_bad{arm=primary}[30s] < 20% for 60s",
        },
    ),
    "an unknown segment": Case(
        "P023",
        "do[0].route.where.plattform",
        "unknown segment 'plattform'; did you mean platform?",
        {"do": "[{route: {from: primary, to: fallback, share: 100%, where: {plattform: ios}}}]"},
        {"do": "[{route: {from: primary, to: fallback, share: 100%, where: {platform: ios}}}]"},
    ),
    "an unknown value of a segment": Case(
        "P023",
        "do[0].route.where.platform",
        "unknown platform 'tv'; accepted: ios, android, web",
        {"do": "[{route: {from: primary, to: fallback, share: 100%, where: {platform: tv}}}]"},
        {"do": "[{route: {from: primary, to: fallback, share: 100%, where: {platform: web}}}]"},
    ),
    "a variable nobody uses": Case(
        "P025",
        "for_each",
        "is not used in `when`",
        {"for_each": "arm"},
        {"for_each": "arm", "when": "arm_bad{arm=$arm} > 20% for 3s"},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_rule_refuses_what_it_says(language: Any, tmp_path: Path, case: Case) -> None:
    (found,) = language.findings(tmp_path, language.text(**case.bad))
    assert (found.rule, found.field, found.severity) == (case.rule, case.where, case.severity)
    assert case.says in found.what()
    assert found.excerpt


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_rule_lets_the_near_one_pass(language: Any, tmp_path: Path, case: Case) -> None:
    assert language.findings(tmp_path, language.text(**case.good)) == []


def test_warnings_do_not_stop_a_playbook(language: Any) -> None:
    assert language.read(when="arm_bad{arm=primary} > 20% for 500ms").name == "slow"


def test_more_probes_make_a_short_window_enough(language: Any, tmp_path: Path) -> None:
    text = language.text(clear_when=f"{P95}[2s] < 90ms for 5s")
    assert [f.rule for f in language.findings(tmp_path, text)] == ["P032"]
    language.settings = language.settings.model_copy(update={"probe_per_s": 20.0})
    assert language.findings(tmp_path, text) == []


def test_without_probes_a_drained_arm_cannot_clear(language: Any, tmp_path: Path) -> None:
    assert isinstance(language.settings, Settings)
    language.settings = language.settings.model_copy(update={"probe_per_s": 0.0})
    (found,) = language.findings(tmp_path, language.text())
    assert (found.rule, found.advice) == ("P032", "set probe_per_s")


def test_findings_stand_in_the_order_of_their_lines(language: Any, tmp_path: Path) -> None:
    text = language.text(
        when="latency_ms.p95 > 1s for 500ms",
        do="[{route: {from: primary, to: primary, share: 100%}}]",
        guards="{cooldown: 30m}",
    )
    found = language.findings(tmp_path, text)
    assert [f.line for f in found] == sorted(f.line for f in found)
    assert {f.rule for f in found} == {"P031", "P036", "P039", "P040"}


def _limited(language: Any, **settings: Any) -> None:
    document = language.settings.model_dump(mode="json")
    for key, value in settings.items():
        document[key] = {**document[key], **value}
    language.settings = Settings.model_validate(document)


def test_routes_that_the_service_never_lets_through_are_warned_of(
    language: Any, tmp_path: Path
) -> None:
    _limited(language, limits={"most_moved_share": 0.5, "fewest_healthy_arms": 3})
    found = language.findings(tmp_path, language.text())
    assert [(f.rule, f.severity, f.field, f.message) for f in found] == [
        (
            "P044",
            "warning",
            "do",
            "100% of the traffic would move, and the service moves 50% at most",
        ),
        ("P044", "warning", "do", "2 of 3 arms would stay healthy, and the service keeps 3"),
    ]
    half = language.text(do="[{route: {from: primary, to: fallback, share: 40%}}]")
    assert language.findings(tmp_path, half) == []


RATES = {
    "of all requests": "request_rate_per_s > %s/s for 3s",
    "of the arm": "arm_rate_per_s{arm=primary} > %s/s for 3s",
    "beside another": '{all: ["arm_bad{arm=primary} > 20%%", "request_rate_per_s > %s/s"]}',
}


@pytest.mark.parametrize("when", RATES.values(), ids=RATES)
def test_a_rate_the_target_cannot_bear_is_warned_of(
    language: Any, tmp_path: Path, when: str
) -> None:
    arms = {"fallback": {"share": 0.0, "in_process": True, "capacity_per_s": 100.0}}
    _limited(language, arms=arms)
    (found,) = language.findings(tmp_path, language.text(when=when % "71"))
    assert (found.rule, found.severity) == ("P044", "warning")
    assert found.message == (
        "fallback would get 71/s or more and bears 100/s, of which 70% may be used"
    )
    assert language.findings(tmp_path, language.text(when=when % "70")) == []
    either = language.text(
        when="{any: ['arm_bad{arm=primary} > 20%', 'request_rate_per_s > 90/s']}"
    )
    assert language.findings(tmp_path, either) == [], "it may fire at any rate"


ROUTE_TO = "[{route: {from: primary, to: %s, share: 50%%%s}}]"
FIGHTS = {
    "one arm, two targets": (ROUTE_TO % ("fallback", ""), ROUTE_TO % ("challenger", "")),
    "a segment and all": (
        ROUTE_TO % ("fallback", ", where: {platform: ios}"),
        ROUTE_TO % ("challenger", ""),
    ),
    "two caches": ("[{cache_ttl: {ttl: 10s}}]", "[{cache_ttl: {ttl: 60s}}]"),
    "two sizes": (
        "[{scale: {arm: primary, replicas: 2}}]",
        "[{scale: {arm: primary, replicas: 4}}]",
    ),
    "forth and back": (
        "[{promote: {version: v2, into: primary}}]",
        "[{revert: {arm: primary}}]",
    ),
    "a later rung": (
        "[{shed: {share: 20%}}]",
        "[{notify: {channel: oncall}}]\notherwise: [[{shed: {share: 40%}}]]",
    ),
}
PEACE = {
    "the same change": (ROUTE_TO % ("fallback", ""), ROUTE_TO % ("fallback", ""), ""),
    "another share: the lowest cap wins": (
        ROUTE_TO % ("fallback", ""),
        "[{route: {from: primary, to: fallback, share: 90%}}]",
        "",
    ),
    "two segments": (
        ROUTE_TO % ("fallback", ", where: {platform: ios}"),
        ROUTE_TO % ("challenger", ", where: {platform: web}"),
        "",
    ),
    "a priority": ("[{shed: {share: 20%}}]", "[{shed: {share: 40%}}]", "{priority: 51}"),
    "an exclusion": ("[{shed: {share: 20%}}]", "[{shed: {share: 40%}}]", "{excludes: [shedding]}"),
    "a shadow": ("[{shed: {share: 20%}}]", "[{shed: {share: 40%}}]", "{autonomy: shadow}"),
}


def _together(language: Any, folder: Path, one: str, other: str, guards: str = "") -> Any:
    extra = {"guards": guards} if guards else {}
    (folder / "a.yaml").write_text(language.text(do=one))
    (folder / "b.yaml").write_text(language.text(playbook="other", do=other, **extra))
    return check([folder], language.settings, language.catalogue)


@pytest.mark.parametrize(("one", "other"), FIGHTS.values(), ids=FIGHTS)
def test_two_playbooks_may_not_fight_over_one_thing(
    language: Any, tmp_path: Path, one: str, other: str
) -> None:
    (found,) = _together(language, tmp_path, one, other)
    assert (found.rule, found.severity) == ("P043", "error")
    assert found.file == str(tmp_path / "b.yaml")
    assert f"{tmp_path / 'a.yaml'} (slow), both at priority 50" in found.message
    with pytest.raises(BadInput, match="accepted: another `priority`"):
        load_playbooks(tmp_path, language.settings, language.catalogue)


@pytest.mark.parametrize(("one", "other", "guards"), PEACE.values(), ids=PEACE)
def test_playbooks_that_get_on_are_let_be(
    language: Any, tmp_path: Path, one: str, other: str, guards: str
) -> None:
    assert _together(language, tmp_path, one, other, guards) == []


def test_what_is_frozen_is_looked_up_where_the_whole_folder_is_known(
    language: Any, tmp_path: Path
) -> None:
    (found,) = _together(
        language, tmp_path, "[{freeze: {what: othr}}]", "[{notify: {channel: oncall}}]"
    )
    assert (found.rule, found.field) == ("P045", "do[0].freeze.what")
    assert found.what() == (
        "no playbook 'othr' in this folder; did you mean other? "
        "accepted: all, promotions, other, slow"
    )
    assert check([tmp_path / "a.yaml"], language.settings, language.catalogue) == []


def test_names_are_not_looked_up_beside_a_file_that_cannot_be_read(
    language: Any, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text("version: 1\n")
    found = _together(
        language, tmp_path, "[{freeze: {what: third}}]", "[{notify: {channel: oncall}}]"
    )
    assert "P045" not in {each.rule for each in found}

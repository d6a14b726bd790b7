"""Each rule about the sense of a playbook: a text it refuses, and a near one it lets pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

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
    "a route from an unknown arm": Case(
        "P035",
        "do[0].route.from",
        "unknown arm 'primry'; did you mean primary?",
        {"do": "[{route: {from: primry, to: fallback, share: 100%}}]"},
        {"do": "[{route: {from: challenger, to: fallback, share: 100%}}]"},
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

"""Expectations are judged by the log and the requests, and the sentence has the numbers."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from controller.core.actions import action_text
from controller.core.playbook import (
    Action,
    CacheTtl,
    Evaluate,
    Freeze,
    Notify,
    PrewarmCache,
    Promote,
    Retrain,
    Revert,
    Route,
    Scale,
    Shed,
    Webhook,
)
from controller.language.action_facts import ACTION_FACTS
from simulator.report.evidence import Evidence
from simulator.report.exchanges import Exchange, Exchanges
from simulator.report.moves import actions_of
from simulator.scenario.loading import scenario_from_document
from simulator.scenario.model import Scenario
from simulator.scenario.verdict import Judged, judge

START_S = 1_000.0
ROUTES = "routes 100 % of primary to fallback"


def _scenario(*expect: dict[str, Any]) -> Scenario:
    return scenario_from_document(
        {
            "version": 1,
            "scenario": "x",
            "why": "y",
            "duration": "10m",
            "faults": [
                {"slow_primary": {"at": "60s", "for": "60s"}},
                {"errors": {"at": "180s", "for": "60s"}},
            ],
            "expect": list(expect),
        }
    )


def _record(phase: str, at_s: float, playbook: str = "slow-primary", **more: Any) -> dict[str, Any]:
    return {
        "id": f"1-{at_s}-1",
        "at_s": START_S + at_s,
        "phase": phase,
        "incident": f"i-{playbook}",
        "playbook": playbook,
        "enforced": True,
        "claims_after": [],
        "details": {"moves": [ROUTES]} if phase == "acting" else {},
        **more,
    }


def _judged(scenario: Scenario, records: list[dict[str, Any]], valid: int = 10) -> list[Judged]:
    exchanges = [
        Exchange(n, START_S + n, sent=True, latency_ms=5.0, problem="" if n < valid else "late")
        for n in range(10)
    ]
    evidence = Evidence(
        command="",
        started_at_s=START_S,
        ended_at_s=START_S + 600.0,
        exchanges=Exchanges.of(exchanges),
        records=records,
        seen_at_s={record["id"]: record["at_s"] + 0.5 for record in records},
    )
    return judge(scenario, evidence)


ACTS = {"acts": {"playbook": "slow-primary", "action": "route", "within": "15s"}}
SECOND = {"acts": {"playbook": "slow-primary", "action": "route", "of": 2, "within": "15s"}}


@pytest.mark.parametrize(
    ("expect", "acted_at_s", "met", "sentence"),
    [
        (ACTS, [70.0], True, "public 10.5 s after slow_primary was on, expected within 15 s"),
        (ACTS, [90.0], False, "public 30.5 s after slow_primary was on, expected within 15 s"),
        (ACTS, [], False, "never public, expected within 15 s of slow_primary"),
        (ACTS, [40.0, 70.0], False, "public 19.5 s before slow_primary was on"),
        (SECOND, [70.0, 190.0], True, "public 10.5 s after errors was on, expected within 15 s"),
        (SECOND, [70.0], False, "not public after errors was on, only before"),
    ],
)
def test_a_playbook_acts_when_its_plan_is_public(
    expect: dict[str, Any], acted_at_s: list[float], met: bool, sentence: str
) -> None:
    (judged,) = _judged(_scenario(expect), [_record("acting", at_s) for at_s in acted_at_s])
    assert (judged.met, judged.sentence) == (met, f"slow-primary route: {sentence}")


def test_another_action_or_playbook_or_a_shadow_is_not_it() -> None:
    records = [
        _record("acting", 70.0, details={"moves": ["sheds 20 % of requests"]}),
        _record("acting", 71.0, playbook="failing-primary"),
        _record("acting", 72.0, enforced=False),
        _record("opened", 73.0),
    ]
    (judged,) = _judged(_scenario(ACTS), records)
    assert not judged.met


@pytest.mark.parametrize(
    ("causes", "met"),
    [
        (["platform=ios", "arm=primary"], True),
        (["country=br & platform=ios"], True),
        (["arm=primary", "platform=ios"], False),
        ([], False),
    ],
)
def test_an_explanation_is_judged_by_its_first_cause(causes: list[str], met: bool) -> None:
    details = {"causes": [{"what": what} for what in causes]}
    records = [_record("explained", 71.0, details=details)]
    (judged,) = _judged(_scenario({"explains": {"by": "platform=ios"}}), records)
    assert judged.met == met
    assert judged.sentence.endswith("expected first by platform=ios")


CLAIM = [{"owner": "i-slow-primary", "kind": "route"}]


@pytest.mark.parametrize(
    ("records", "met", "sentence"),
    [
        ([], True, "recovers: no incident was opened"),
        (
            [_record("opened", 65.0), _record("recovered", 300.0)],
            True,
            "recovers: the last incident was over 60.0 s after the last fault, expected within "
            "120 s",
        ),
        (
            [_record("opened", 65.0), _record("recovered", 400.0)],
            False,
            "recovers: the last incident was over 160.0 s after the last fault, expected within "
            "120 s",
        ),
        (
            [_record("opened", 65.0), _record("holding", 90.0)],
            False,
            "recovers: incident i-slow-primary ended the run holding",
        ),
        (
            [_record("opened", 65.0), _record("recovered", 300.0, claims_after=CLAIM)],
            False,
            "recovers: i-slow-primary still claims something of the plan at the end",
        ),
    ],
)
def test_recovery_is_every_incident_over_and_the_plan_its_own_again(
    records: list[dict[str, Any]], met: bool, sentence: str
) -> None:
    (judged,) = _judged(_scenario({"recovers": {"within": "2m"}}), records)
    assert (judged.met, judged.sentence) == (met, sentence)


def test_quiet_means_that_no_other_playbook_acts() -> None:
    quiet = {"quiet": {"except_for": ["slow-primary"]}}
    records = [_record("acting", 70.0), _record("acting", 80.0, playbook="failing-primary")]
    (one,) = _judged(_scenario(quiet), records[:1])
    assert (one.met, one.sentence) == (True, "quiet: no playbook but slow-primary acted")
    (two,) = _judged(_scenario(quiet), records)
    assert (two.met, two.sentence) == (
        False,
        "quiet: failing-primary acted after 80.5 s (1 in all)",
    )


def test_serving_is_the_share_of_valid_slates() -> None:
    serves = {"serves": {"at_least": "90%"}}
    (enough,) = _judged(_scenario(serves), [], valid=9)
    assert (enough.met, enough.sentence) == (
        True,
        "serves: 90.000% of 10 requests got a valid slate, expected at least 90.000%",
    )
    (less,) = _judged(_scenario(serves), [], valid=8)
    assert not less.met


EXAMPLES: list[Action] = [
    Route("primary", "fallback", 1.0),
    Retrain("primary", 3_600.0),
    Evaluate("primary"),
    Promote(version="v1", into="primary"),
    Revert("primary"),
    PrewarmCache("primary"),
    CacheTtl(5.0),
    Scale("primary", 3),
    Shed(0.2),
    Freeze("promotions"),
    Notify("on-call"),
    Webhook("https://example.org"),
]


def test_there_is_an_example_of_every_action() -> None:
    assert {type(each) for each in EXAMPLES} == set(typing.get_args(Action))


@pytest.mark.parametrize("action", EXAMPLES, ids=lambda each: type(each).__name__)
def test_the_kind_of_an_action_is_read_off_its_own_words(action: Action) -> None:
    record = {"details": {"moves": [action_text(action)]}}
    assert actions_of(record) == {ACTION_FACTS[type(action)].name}


def test_what_is_written_down_in_shadow_meets_only_an_expectation_that_says_so() -> None:
    said = "odd-system would have acted (shadow): notifies recs-oncall"
    records = [_record("shadowed", 70.0, "odd-system", enforced=False, sentence=said)]
    acts = {"playbook": "odd-system", "action": "notify", "within": "20s"}
    in_shadow, in_fact, quiet = _judged(
        _scenario({"acts": {**acts, "shadow": True}}, {"acts": acts}, {"quiet": {}}), records
    )
    assert (in_shadow.met, in_fact.met, quiet.met) == (True, False, False)
    assert "(shadow): public 10.5 s after slow_primary was on" in in_shadow.sentence

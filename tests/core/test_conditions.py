"""Three-valued conditions: `for`, gaps, unknown under each policy, idle, and sentences."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.conditions import Evaluation, Sight, Timer, Truth, evaluate
from controller.core.playbook import All, AnyOf, Condition, NoData, Not
from controller.core.readings import Reading, ReadingState
from tests.core.worlds import SETTINGS, SIGNALS, above, below

SLOW_2S = above("p95", 200.0, 2.0)


def run(
    condition: Condition, series: list[Any], policy: NoData = NoData.HOLD, step_s: float = 1.0
) -> list[Evaluation]:
    """Evaluate over a series of p95 values or states, one a tick."""
    timers: tuple[Timer, ...] = ()
    found = []
    for place, said in enumerate(series):
        p95 = said if not isinstance(said, dict) else said.get("p95", "missing")
        signals = said if isinstance(said, dict) else {"p95": p95}
        sight = Sight(readings(signals), SETTINGS, step_s if place else None, policy)
        evaluation = evaluate(condition, timers, sight)
        timers = evaluation.timers
        found.append(evaluation)
    return found


def readings(signals: dict[str, Any]) -> Any:
    return {
        SIGNALS[name]: Reading(None, ReadingState(said), 3, 0.0, 5.0, "too few")
        if isinstance(said, str)
        else Reading(said, ReadingState.OK, 96, 0.0, 5.0)
        for name, said in signals.items()
        if said != "missing"
    }


def truths(evaluations: list[Evaluation]) -> list[str]:
    return [each.truth.value for each in evaluations]


def test_two_seconds_are_three_ticks() -> None:
    assert truths(run(SLOW_2S, [412.0] * 3)) == ["not met", "not met", "met"]


def test_a_condition_without_a_span_is_met_at_once() -> None:
    assert truths(run(above("p95", 200.0), [412.0])) == ["met"]


def test_one_good_tick_starts_the_span_again() -> None:
    found = run(SLOW_2S, [412.0, 412.0, 100.0, 412.0, 412.0, 412.0])
    assert truths(found)[2:] == ["not met", "not met", "not met", "met"]


def test_an_unknown_tick_stops_a_span_without_a_reset_where_no_data_is_hold() -> None:
    found = run(SLOW_2S, [412.0, 412.0, "insufficient", 412.0, 412.0])
    assert truths(found) == ["not met", "not met", "unknown", "not met", "met"]


def test_an_unknown_tick_restarts_a_span_where_no_data_is_escalate() -> None:
    found = run(SLOW_2S, [412.0, 412.0, "stale", 412.0, 412.0, 412.0], NoData.ESCALATE)
    assert truths(found)[3:] == ["not met", "not met", "met"]


def test_a_span_runs_on_over_unknown_ticks_where_no_data_is_act() -> None:
    found = run(SLOW_2S, [412.0, "down", "down"], NoData.ACT)
    assert [each.assumed.value for each in found] == ["not met", "not met", "met"]
    assert truths(found) == ["not met", "unknown", "unknown"]


def test_unknown_restarts_only_its_own_span() -> None:
    both = All((SLOW_2S, above("errors", 0.1, 2.0)))
    bad = {"p95": 412.0, "errors": 0.5}
    found = run(both, [bad, bad, {"p95": 412.0, "errors": "stale"}, bad, bad], NoData.ESCALATE)
    assert [timer.held_s for timer in found[-1].timers] == [4.0, 1.0]


def test_a_gap_of_more_than_three_ticks_restarts_every_span() -> None:
    sights = [(412.0, None), (412.0, 1.0), (412.0, None), (412.0, 1.0), (412.0, 3.0)]
    timers: tuple[Timer, ...] = ()
    held = []
    for value, elapsed_s in sights:
        sight = Sight(readings({"p95": value}), SETTINGS, elapsed_s, NoData.HOLD)
        timers = evaluate(SLOW_2S, timers, sight).timers
        held.append(timers[0].held_s)
    assert held == [0.0, 1.0, 0.0, 1.0, 4.0]


@pytest.mark.parametrize("polarity", [SLOW_2S, Not(SLOW_2S), Not(Not(SLOW_2S))])
def test_an_idle_arm_is_met_in_neither_polarity(polarity: Condition) -> None:
    for policy in NoData:
        found = run(polarity, ["idle"] * 5, policy)
        assert {each.truth for each in found} == {Truth.NOT_MET}
        assert {each.assumed for each in found} == {Truth.NOT_MET}


def test_idle_is_no_evidence_that_a_condition_is_over() -> None:
    assert run(SLOW_2S, ["idle"])[0].evidence is Truth.UNKNOWN
    assert run(SLOW_2S, [100.0])[0].evidence is Truth.NOT_MET


T, F, U = 412.0, 100.0, "insufficient"
ALL = {"TT": T, "TF": F, "TU": U, "FU": F, "UU": U}
ANY = {"TF": T, "FF": F, "TU": T, "FU": U, "UU": U}
NAMES: dict[Any, str] = {T: "met", F: "not met", U: "unknown"}


@pytest.mark.parametrize(("pair", "expected"), ALL.items(), ids=ALL.keys())
def test_all_follows_kleene(pair: str, expected: Any) -> None:
    assert _pair(All, pair) == NAMES[expected]


@pytest.mark.parametrize(("pair", "expected"), ANY.items(), ids=ANY.keys())
def test_any_follows_kleene(pair: str, expected: Any) -> None:
    assert _pair(AnyOf, pair) == NAMES[expected]


def _pair(kind: Any, pair: str) -> str:
    values = {"T": T, "F": F, "U": U}
    condition = kind((above("p95", 200.0), above("errors", 200.0)))
    return truths(run(condition, [{"p95": values[pair[0]], "errors": values[pair[1]]}]))[0]


def test_not_unknown_is_unknown() -> None:
    assert truths(run(Not(above("p95", 200.0)), ["stale"])) == ["unknown"]


def test_a_missing_reading_is_unknown_and_says_so() -> None:
    seen = run(SLOW_2S, ["missing"])[0].seen[0]
    assert (seen.met, seen.state) == ("unknown", "unrecorded")
    assert "no such reading" in seen.sentence


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_reading_without_a_number_is_unknown(value: float | None) -> None:
    broken = {SIGNALS["p95"]: Reading(value, ReadingState.OK, 9, 0.0, 5.0)}
    found = evaluate(SLOW_2S, (), Sight(broken, SETTINGS, None, NoData.HOLD))
    assert found.truth is Truth.UNKNOWN
    assert found.seen[0].value is None, "a record is JSON, and JSON has no such number"


def test_a_comparison_may_override_the_policy_of_its_playbook() -> None:
    leaf = above("p95", 200.0, no_data=NoData.ACT)
    assert run(leaf, ["stale"], NoData.HOLD)[0].assumed is Truth.MET


def test_nothing_unknown_is_assumed_where_that_is_not_allowed() -> None:
    sight = Sight(readings({"p95": "stale"}), SETTINGS, None, NoData.ACT, may_assume=False)
    assert evaluate(below("p95", 200.0), (), sight).assumed is Truth.UNKNOWN


def test_escalate_is_due_once_after_the_span_plus_one_window() -> None:
    found = run(SLOW_2S, ["stale"] * 9, NoData.ESCALATE)
    assert [bool(each.overdue) for each in found] == [False] * 7 + [True, True]


SENTENCES = {
    "met": (
        [412.0] * 3,
        "arm_latency_ms.p95{arm=primary} is 412 ms, above 200 ms for 2 s (n=96)",
    ),
    "on its way": (
        [412.0] * 2,
        "arm_latency_ms.p95{arm=primary} is 412 ms, above 200 ms for 1 s of 2 s (n=96)",
    ),
    "not met": ([120.0], "arm_latency_ms.p95{arm=primary} is 120 ms, not above 200 ms (n=96)"),
    "at the maximum": (
        [60_000.0] * 3,
        "arm_latency_ms.p95{arm=primary} is > 60000 ms, above 200 ms for 2 s (n=96)",
    ),
    "unknown": (["down"], "arm_latency_ms.p95{arm=primary} is unknown, down: too few (n=3)"),
    "idle": (["idle"], "arm_latency_ms.p95{arm=primary} is idle: too few (n=3)"),
}


@pytest.mark.parametrize(("series", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_every_verdict_has_a_sentence_with_its_numbers(series: list[Any], sentence: str) -> None:
    assert run(SLOW_2S, series)[-1].seen[0].sentence == sentence


def test_margin_is_positive_when_met() -> None:
    assert run(SLOW_2S, [412.0])[0].seen[0].margin == 212.0
    assert run(below("p95", 150.0), [412.0])[0].seen[0].margin == -262.0

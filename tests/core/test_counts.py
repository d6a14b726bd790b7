"""`for N ticks` and `N times within D`: the edges, unknown under each policy, gaps, the state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.conditions import Evaluation, Sight, Timer, evaluate
from controller.core.documents import decode, encode
from controller.core.playbook import Comparison, NoData, Not
from controller.core.timers import MOST_TIMES
from tests.core.test_conditions import readings, run, truths
from tests.core.worlds import SETTINGS, above

TICKS = replace(above("p95", 200.0), for_ticks=3)
TIMES = replace(above("p95", 200.0), times=3, times_within_s=600.0)
BAD, GOOD, GONE = 412.0, 100.0, "stale"


def met(found: list[Evaluation]) -> str:
    """One letter a tick: m met, . not met, ? unknown."""
    return "".join({"met": "m", "not met": ".", "unknown": "?"}[t] for t in truths(found))


def seen(letters: str) -> list[Any]:
    """b bad, g good, u unknown, i idle; one a tick."""
    return [{"b": BAD, "g": GOOD, "u": GONE, "i": "idle"}[letter] for letter in letters]


SERIES = {
    "three in a row, the third included": (TICKS, NoData.HOLD, "bbbb", "..mm"),
    "a good one starts again": (TICKS, NoData.HOLD, "bbgbbb", ".....m"),
    "so does an idle one": (TICKS, NoData.HOLD, "bbibbb", ".....m"),
    "unknown neither counts nor resets: hold": (TICKS, NoData.HOLD, "bubub", ".?.?m"),
    "unknown starts again: escalate": (TICKS, NoData.ESCALATE, "bbubbb", "..?..m"),
    "each beginning is one time, however long": (TIMES, NoData.HOLD, "bbbbbb", "......"),
    "the third time, until it is over": (TIMES, NoData.HOLD, "bgbbgbbbg", ".....mmm."),
    "a fourth counts as well": (TIMES, NoData.HOLD, "bgbgbgb", "....m.m"),
    "unknown does not end a time: hold": (TIMES, NoData.HOLD, "bubgbub", ".?...?."),
    "nor does it begin one: hold": (TIMES, NoData.HOLD, "bgbgub", "....?m"),
    "it goes on over unknown once it is the third": (TIMES, NoData.HOLD, "bgbgbub", "....m?m"),
    "unknown forgets the times: escalate": (TIMES, NoData.ESCALATE, "bgbgubgbgb", "....?....m"),
    "idle ends a time": (TIMES, NoData.HOLD, "bibib", "....m"),
}


@pytest.mark.parametrize(("leaf", "policy", "given_", "expected"), SERIES.values(), ids=SERIES)
def test_a_count_is_met_at_exactly_these_ticks(
    leaf: Comparison, policy: NoData, given_: str, expected: str
) -> None:
    assert met(run(leaf, seen(given_), policy)) == expected


ASSUMED = {
    "unknown counts as a tick": (TICKS, "buub", "..mm"),
    "unknown begins a time": (TIMES, "bgugb", "....m"),
    "and goes on with one": (TIMES, "bubgbubgg", "........."),
}


@pytest.mark.parametrize(("leaf", "given_", "expected"), ASSUMED.values(), ids=ASSUMED)
def test_unknown_counts_where_no_data_is_act(leaf: Comparison, given_: str, expected: str) -> None:
    found = run(leaf, seen(given_), NoData.ACT)
    assert "".join("m" if each.assumed.value == "met" else "." for each in found) == expected
    assert "m" not in met(found), "but never as seen"


@pytest.mark.parametrize(("gap_s", "expected"), [(300.0, "m"), (300.5, ".")])
def test_both_ends_of_the_span_are_included(gap_s: float, expected: str) -> None:
    """It becomes true at 0 s, at 0 s + gap and at 0 s + 2 gaps; the span is 600 s."""
    timers: tuple[Timer, ...] = ()
    found = []
    for place, letter in enumerate("bgbgb"):
        sight = Sight(
            readings({"p95": seen(letter)[0]}), SETTINGS, gap_s / 2 if place else None, NoData.HOLD
        )
        found.append(evaluate(TIMES, timers, sight))
        timers = found[-1].timers
    assert met(found)[-1] == expected


@pytest.mark.parametrize("leaf", [TICKS, TIMES])
def test_a_gap_starts_every_count_again(leaf: Comparison) -> None:
    timers: tuple[Timer, ...] = ()
    for letter, elapsed_s in zip("bgbgbbb", [None, 1.0, 1.0, 1.0, None, 1.0, None], strict=True):
        sight = Sight(readings({"p95": seen(letter)[0]}), SETTINGS, elapsed_s, NoData.HOLD)
        evaluation = evaluate(leaf, timers, sight)
        timers = evaluation.timers
        assert evaluation.truth.value == "not met"


@pytest.mark.parametrize("leaf", [TICKS, TIMES])
def test_not_of_a_count_is_its_opposite_where_it_is_known(leaf: Comparison) -> None:
    series = seen("bgbgbubbg")
    opposite = {"m": ".", ".": "m", "?": "?"}
    assert [opposite[t] for t in met(run(leaf, series))] == list(met(run(Not(leaf), series)))


SENTENCES = {
    "ticks on their way": (TICKS, "bb", "is 412 ms, above 200 ms for 2 of 3 ticks (n=96)"),
    "ticks": (TICKS, "bbbbb", "is 412 ms, above 200 ms for 3 ticks (n=96)"),
    "times on their way": (
        TIMES,
        "bgb",
        "is 412 ms, above 200 ms, 2 of 3 times within 10 min (n=96)",
    ),
    "times": (TIMES, "bgbgb", "is 412 ms, above 200 ms, 3 times within 10 min (n=96)"),
}


@pytest.mark.parametrize(("leaf", "given_", "said"), SENTENCES.values(), ids=SENTENCES)
def test_a_sentence_says_how_far_the_count_is(leaf: Comparison, given_: str, said: str) -> None:
    assert run(leaf, seen(given_))[-1].seen[0].sentence.endswith(said)


@pytest.mark.parametrize(("leaf", "after"), [(TICKS, 8), (replace(TIMES, times_within_s=4.0), 10)])
def test_escalate_is_due_after_what_it_counts_over_plus_one_window(
    leaf: Comparison, after: int
) -> None:
    found = run(leaf, seen("u" * 12), NoData.ESCALATE)
    assert [bool(each.overdue) for each in found].index(True) + 1 == after


def test_a_condition_of_an_older_journal_asks_for_no_count() -> None:
    new = encode(Comparison, above("p95", 200.0, 2.0))
    old = {k: v for k, v in new.items() if k not in ("for_ticks", "times", "times_within_s")}
    assert decode(Comparison, old) == above("p95", 200.0, 2.0)


def test_a_timer_of_an_older_state_has_counted_nothing() -> None:
    old = {"held_s": 2.0, "assumed_s": 2.0, "paused": False, "unknown_s": None, "paged": False}
    assert decode(Timer, old) == Timer(2.0, 2.0)


@settings(max_examples=60)
@given(
    letters=st.text("bgui", min_size=1, max_size=60),
    times=st.integers(2, 4),
    policy=st.sampled_from(list(NoData)),
)
def test_counts_are_bounded_and_go_through_the_state_unchanged(
    letters: str, times: int, policy: NoData
) -> None:
    for leaf in (replace(TIMES, times=times), replace(TICKS, for_ticks=times)):
        timer = run(leaf, seen(letters), policy)[-1].timers[0]
        assert decode(Timer, encode(Timer, timer)) == timer
        runs = (timer.runs, timer.assumed_runs)
        assert all(len(each.begun_s) <= times <= MOST_TIMES for each in runs if each is not None)
        assert max(timer.ticks, timer.assumed_ticks) <= times

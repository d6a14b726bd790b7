"""A period judged at once meets what the judge meets tick by tick."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.calibration.healthy import HealthyRecorder
from controller.calibration.margins import margins
from controller.core.conditions import Sight, Truth, evaluate
from controller.core.playbook import All, AnyOf, Comparison, Condition, NoData, Not, Quantity
from controller.core.readings import Reading, ReadingState, SignalKey
from controller.core.settings import JudgeSettings

SETTINGS = JudgeSettings("s", {}, default_windows_s={"a": 5.0, "b": 5.0})
KEYS = (SignalKey("a", (), 5.0), SignalKey("b", (), 5.0))


def leaves() -> st.SearchStrategy[Condition]:
    return st.builds(
        lambda name, op, threshold, for_s: Comparison(
            Quantity(name), op, float(threshold), "count", float(for_s), "text"
        ),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["<", "<=", ">", ">="]),
        st.integers(0, 4),
        st.integers(0, 3),
    )


def conditions() -> st.SearchStrategy[Condition]:
    return st.recursive(
        leaves(),
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(lambda cs: All(tuple(cs)), st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda cs: AnyOf(tuple(cs)), st.lists(inner, min_size=1, max_size=3)),
        ),
        max_leaves=4,
    )


def ok(value: float | None, at_s: float) -> Reading:
    state = ReadingState.OK if value is not None else ReadingState.STALE
    return Reading(value, state, 100, at_s - 5.0, at_s)


def judged(condition: Condition, rows: list[tuple[float | None, float | None]]) -> list[bool]:
    """Tick by tick, as the judge does."""
    timers, found = (), []
    for n, values in enumerate(rows):
        readings = {key: ok(v, float(n)) for key, v in zip(KEYS, values, strict=True)}
        sight = Sight(readings, SETTINGS, 1.0 if n else None, NoData.HOLD)
        now = evaluate(condition, timers, sight)
        timers = now.timers
        found.append(now.truth is Truth.MET)
    return found


def at_once(condition: Condition, rows: list[tuple[float | None, float | None]]) -> list[bool]:
    recorder = HealthyRecorder(KEYS)
    for n, values in enumerate(rows):
        recorder.take(float(n), {key: ok(v, float(n)) for key, v in zip(KEYS, values, strict=True)})
    found = margins(condition, NoData.HOLD, SETTINGS, recorder.period())
    return (found > 0.0).tolist()


numbers = st.integers(0, 4).map(float)


@settings(max_examples=300, deadline=None)
@given(conditions(), st.lists(st.tuples(numbers, numbers), min_size=1, max_size=25))
def test_a_period_at_once_meets_what_the_judge_meets(condition, rows) -> None:
    assert at_once(condition, rows) == judged(condition, rows)


@settings(max_examples=200, deadline=None)
@given(
    leaves().filter(lambda leaf: leaf.for_s == 0.0),
    st.lists(st.tuples(st.none() | numbers, st.none() | numbers), min_size=1, max_size=20),
)
def test_what_nobody_knows_meets_nothing_in_either_polarity(leaf, rows) -> None:
    for condition in (leaf, Not(leaf), All((leaf, leaf)), AnyOf((leaf, leaf))):
        assert at_once(condition, rows) == judged(condition, rows)


def test_a_reading_nobody_recorded_is_an_error() -> None:
    leaf = Comparison(Quantity("c"), ">", 1.0, "count", 0.0, "c > 1")
    with pytest.raises(KeyError):
        margins(leaf, NoData.HOLD, SETTINGS, HealthyRecorder(KEYS).period())


def test_a_late_tick_is_as_the_one_before_and_a_missing_one_is_left_out() -> None:
    recorder = HealthyRecorder(KEYS)
    for at_s in (10.0, 13.0, 17.0, 17.5):
        recorder.take(at_s, {key: ok(at_s, at_s) for key in KEYS})
    period = recorder.period()
    assert period.at_s.tolist() == [10, 11, 12, 13, 17]
    assert period.series[KEYS[0]].tolist() == [10.0, 10.0, 10.0, 13.0, 17.5]

"""Time in which nobody looked, or nothing could be known, is not health."""

from __future__ import annotations

import numpy as np
import pytest

from controller.calibration.healthy import HealthyPeriod, HealthyRecorder
from controller.calibration.margins import margins
from controller.calibration.rules import Calibration, calibrate
from controller.core.playbook import Comparison, Guards, NoData, Playbook, Quantity
from controller.core.readings import Reading, ReadingState, SignalKey
from controller.core.settings import JudgeSettings
from controller.statistics.tail_rate import run_maxima

HOUR, APART_S = 3_600, 60 * 86_400
KEYS = [SignalKey("a", (), 5.0), SignalKey("b", (), 5.0)]
SETTINGS = JudgeSettings("s", {}, default_windows_s={"a": 5.0, "b": 5.0})


def recorded(parts: list[range], unknown: range = range(0)) -> HealthyPeriod:
    """Both signals are 0 at each of these seconds; ``b`` is stale in some."""
    recorder = HealthyRecorder(KEYS)
    ok = Reading(0.0, ReadingState.OK, 100, 0.0, 0.0)
    stale = Reading(None, ReadingState.STALE, 0, 0.0, 0.0)
    for second in (second for part in parts for second in part):
        b = stale if second in unknown else ok
        recorder.take(float(second), dict(zip(KEYS, (ok, b), strict=True)))
    return recorder.period()


def above(signal: str, for_s: float = 0.0) -> Comparison:
    return Comparison(Quantity(signal), ">", 1.0, "count", for_s, f"{signal} > 1")


def rule(signal: str, for_s: float = 0.0, cooldown_s: float = 600.0) -> Playbook:
    when, guards = above(signal, for_s), Guards(cooldown_s=cooldown_s)
    return Playbook(signal, "nobody", "", when, NoData.HOLD, (), when, guards, "", "")


def found(period: HealthyPeriod, *rules: Playbook) -> Calibration:
    return calibrate(rules, SETTINGS, period, "1 per 5d", seed=1)


HALVES = [range(HOUR // 2), range(APART_S, APART_S + HOUR // 2)]


def test_a_gap_is_not_watched_however_long_it_is() -> None:
    whole, halves = recorded([range(HOUR)]), recorded(HALVES)
    assert (halves.length, halves.days) == (HOUR, HOUR / 86_400)
    assert sum(column.nbytes for column in halves.series.values()) == 2 * 4 * HOUR
    at_once, split = found(whole, rule("a")), found(halves, rule("a"))
    assert (at_once.verdict, split.verdict) == ("not shown", "not shown")
    assert split.interval_per_s == at_once.interval_per_s


def test_a_rule_is_watched_only_where_it_could_be_judged() -> None:
    period = recorded([range(HOUR)], unknown=range(600, HOUR))
    calibration = found(period, rule("a"), rule("b"))
    assert [each.rate.watched_s for each in calibration.rules] == [HOUR, 600]
    alone = found(period, rule("b"))
    assert calibration.interval_per_s == pytest.approx(alone.interval_per_s)


def test_a_rule_that_was_never_judged_is_not_shown_to_hold() -> None:
    calibration = found(recorded([range(HOUR)], unknown=range(HOUR)), rule("a"), rule("b"))
    assert [each.rate.how for each in calibration.rules] == ["bounded", "unwatched"]
    assert calibration.verdict == "not shown"


def test_neither_a_for_nor_what_it_needs_reaches_over_a_gap() -> None:
    period = recorded(HALVES)
    period.series[KEYS[0]][HOUR // 2 - 5 : HOUR // 2 + 5] = 2.0
    met = margins(above("a", for_s=6.0), NoData.HOLD, SETTINGS, period) > 0.0
    assert not met.any()
    assert found(period, rule("a", for_s=6.0)).rules[0].rate.watched_s == HOUR - 2 * 6


def test_runs_on_both_sides_of_a_gap_are_two() -> None:
    at = np.array([0, 1, 1_000, 1_001])
    assert run_maxima(np.ones(4), 0.0, gap=10, at=at).size == 2
    assert run_maxima(np.ones(4), 0.0, gap=1_000, at=at).size == 1


def test_what_was_too_short_to_prove_anything_is_never_exceeded() -> None:
    """A tail that hardly reaches the border beside a rule that was hardly watched."""
    period = recorded([range(HOUR)], unknown=range(60, HOUR))
    period.series[KEYS[0]][:] = np.random.default_rng(1).normal(-8.0, 1.0, HOUR)
    calibration = found(period, rule("a", cooldown_s=5.0), rule("b"))
    assert (calibration.rules[0].rate.how, calibration.verdict) == ("continued", "not shown")

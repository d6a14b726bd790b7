"""Changes of a mean and of a rate: heard, but neither in a daily season nor in one outlier."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from controller.statistics.daily_level import DAY_S, filled, level_at, long_run_variance
from controller.statistics.e_detector import EDetector, threshold
from controller.statistics.mean_shift import ONE_FALSE_ALARM_PER_S, WEIGHTS, LearntMean, MeanShift
from controller.statistics.rate_shift import LearntRate, RateShift

STEP_S = 60.0
DAY = 1_440
FULL_DAY = int(DAY_S // 10)


def wave(looks: int, step_s: float = STEP_S) -> NDArray[np.float64]:
    return np.sin(2 * np.pi * np.arange(looks) * step_s / DAY_S)


def alarms(values: NDArray[np.float64], step_s: float = STEP_S) -> list[int]:
    """Which looks of a series raise an alarm."""
    detector = MeanShift(step_s)
    found = enumerate(values.tolist())
    return [at for at, value in found if detector.step(at * step_s, value)]


def noise(days: int, seed: int = 1) -> NDArray[np.float64]:
    return 50 + np.random.default_rng(seed).standard_normal(days * DAY)


def test_a_shift_of_one_deviation_is_heard_within_two_hours() -> None:
    values = noise(3)
    values[2 * DAY :] += 1.0
    assert 2 * DAY < alarms(values)[0] < 2 * DAY + 120


def test_a_daily_season_at_10_s_is_no_change() -> None:
    looks = FULL_DAY * 3 // 2
    values = np.random.default_rng(2).standard_normal(looks) + 3 * wave(looks, 10.0)
    assert alarms(values, 10.0) == []


def test_one_outlier_is_no_change() -> None:
    values = noise(2)[: DAY + 300]
    values[[300, DAY + 100]] = 1e9
    assert alarms(values) == []


@pytest.mark.parametrize("level", [0.0, 7.0, 1e90])
def test_a_series_that_never_moved_alarms_once_it_stays_elsewhere(level) -> None:
    values = np.full(DAY + 70, level)
    assert alarms(values) == []
    values[DAY + 50 :] = level / 2 - 1.0
    assert DAY + 50 < alarms(values)[0] < DAY + 60


def test_what_is_not_finite_is_left_out() -> None:
    values = noise(2)[: DAY + 300]
    values[10::3] = np.nan
    values[11::50] = np.inf
    assert alarms(values) == []


def test_dependent_series_alarm_at_most_once_in_30_days() -> None:
    """30 series of AR(1) 0.9 for 3 days each: 90 days, so 3 would be the stated rate."""
    rng, runs = np.random.default_rng(3), 30
    values = lfilter([1.0], [1.0, -0.9], rng.standard_normal((runs, 4 * DAY)), axis=1)
    hours = np.arange(4 * DAY) * STEP_S % DAY_S / 3_600
    each = [LearntMean.of(hours[:DAY], row[:DAY]) for row in values]
    names = ("levels", "usual", "long_run", "unsure")
    learnt = LearntMean(*(np.array([getattr(one, name) for one in each]) for name in names))
    detector = EDetector(WEIGHTS, threshold(ONE_FALSE_ALARM_PER_S, STEP_S), runs=(runs,))
    has_alarmed = np.zeros(runs, dtype=bool)
    for at in range(DAY, 4 * DAY):
        has_alarmed |= detector.step(learnt.log_factors(hours[at], values[:, at]))
    assert has_alarmed.sum() <= 3


def counts(rate: NDArray[np.float64], trials: int, seed: int = 4) -> NDArray[np.int64]:
    return np.random.default_rng(seed).binomial(trials, rate)


def rate_alarms(successes: NDArray[np.int64], trials: int) -> list[int]:
    detector = RateShift(STEP_S)
    found = enumerate(successes.tolist())
    return [at for at, good in found if detector.step(at * STEP_S, trials, good)]


def test_a_fall_of_clicks_from_5_to_4_percent_is_heard_within_ten_minutes() -> None:
    """And the daily season before it is no change."""
    rate = 0.05 * (1 + 0.3 * wave(2 * DAY + 10))
    rate[2 * DAY :] *= 0.8
    assert 2 * DAY < rate_alarms(counts(rate, 3_000), 3_000)[0] < 2 * DAY + 10


def test_failures_of_a_nearly_sure_thing_that_double_are_heard() -> None:
    rate = np.full(DAY + 250, 0.999)
    rate[DAY + 200 :] = 0.998
    assert DAY + 200 < rate_alarms(counts(rate, 3_000), 3_000)[0] < DAY + 250


def test_a_rate_is_not_judged_before_a_million_trials() -> None:
    detector = RateShift(STEP_S)
    for at in range(2 * DAY):
        detector.step(at * STEP_S, 300, 15)
    assert not detector.is_ready
    assert detector.lacking().endswith("864,000 of 1,000,000 trials")


def test_counts_that_wander_count_for_less() -> None:
    hours = np.arange(DAY) * STEP_S / 3_600
    trials = np.full(DAY, 3_000.0)
    wandering = lfilter([0.1], [1.0, -0.9], np.random.default_rng(5).standard_normal(DAY))
    plain = LearntRate.of(hours, trials, counts(np.full(DAY, 0.05), 3_000).astype(float))
    wild = LearntRate.of(hours, trials, counts(0.05 * np.exp(wandering), 3_000).astype(float))
    assert 1.0 <= plain.dispersion < 2.0
    assert wild.dispersion > 20.0
    assert wild.floors[0] < plain.floors[0] < 0.05 < plain.ceilings[0] < wild.ceilings[0]


def test_the_long_run_variance_of_dependent_values_is_that_of_their_sums() -> None:
    rows = np.random.default_rng(6).standard_normal((100, DAY))
    found = [long_run_variance(row) for row in lfilter([1.0], [1.0, -0.9], rows, axis=1)]
    assert 90.0 < np.mean(found) < 125.0  # never less than it looks like from short blocks


def test_levels_lie_on_lines_between_the_middles_of_hours() -> None:
    levels = np.arange(24.0)
    assert level_at(levels, np.array([0.5, 1.0, 12.75])) == pytest.approx([0.0, 0.5, 12.25])
    assert level_at(levels, 0.0) == pytest.approx(11.5)
    known = levels != 5
    assert filled(np.where(known, levels, 99.0), known) == pytest.approx(levels)


@pytest.mark.parametrize("looks", [500, DAY + 50])
def test_a_restored_detector_goes_on_as_it_was(looks) -> None:
    values = noise(2)[:looks]
    good = counts(np.full(looks, 0.05), 3_000).tolist()
    mean, rate = MeanShift(STEP_S), RateShift(STEP_S)
    for at in range(looks):
        mean.step(at * STEP_S, values[at])
        rate.step(at * STEP_S, 3_000, good[at])
    other_mean, other_rate = MeanShift(STEP_S), RateShift(STEP_S)
    other_mean.restore(mean.snapshot())
    other_rate.restore(rate.snapshot())
    for each in (mean, other_mean):
        each.step(looks * STEP_S, 52.0)
    for each in (rate, other_rate):
        each.step(looks * STEP_S, 3_000, 120)
    for one, other in ((mean, other_mean), (rate, other_rate)):
        assert one.is_ready == other.is_ready == (looks > 500)
        for name, array in one.snapshot().items():
            assert np.array_equal(other.snapshot()[name], array)


@pytest.mark.parametrize("detector", [MeanShift(STEP_S), RateShift(STEP_S)], ids=["mean", "rate"])
def test_what_was_never_snapshotted_is_refused(detector) -> None:
    arrays = detector.snapshot()
    with pytest.raises(ValueError, match="not"):
        detector.restore(arrays | {"evidence": np.zeros(3)})
    with pytest.raises(ValueError, match="not"):
        detector.restore(arrays | {"rows": np.zeros(3)})

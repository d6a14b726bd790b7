"""The scorer of one series: any input, any step, no look-ahead."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.statistics.anomaly import WARM_POINTS, AnomalyScorer, rarity, threshold

SEED = 20_240_501
DAY_S = 86_400.0

values = st.one_of(
    st.none(),
    st.floats(),
    st.sampled_from([0.0, 7.0, 1e300, -1e300, 10**400, -(10**400), 1e-320]),
)
times = st.one_of(st.floats(), st.integers(-5, 500).map(lambda n: 60.0 * n))


def noise(count: int, seed: int = SEED) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count)


def minutes(count: int) -> np.ndarray:
    return 1.7e9 + 60.0 * np.arange(count)


def scores_of(series: np.ndarray, step_s: float = 60.0) -> np.ndarray:
    return AnomalyScorer().score_many(1.7e9 + step_s * np.arange(len(series)), series)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(times, values), max_size=150))
def test_no_input_raises_and_every_score_is_finite(points) -> None:
    scorer = AnomalyScorer()
    scorer.score_many(minutes(100), noise(100))
    assert all(math.isfinite(scorer.score(at_s, value)) for at_s, value in points)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 5.0])), max_size=300),
    st.integers(0, 300),
)
def test_a_batch_gives_the_numbers_of_single_calls_however_it_is_cut(series, cut) -> None:
    at_s = minutes(len(series))
    one, whole, parts = AnomalyScorer(), AnomalyScorer(), AnomalyScorer()
    single = [one.score(t, v) for t, v in zip(at_s.tolist(), series, strict=True)]
    cut_up = [*parts.score_many(at_s[:cut], series[:cut])]
    cut_up += [*parts.score_many(at_s[cut:], series[cut:])]
    assert single == whole.score_many(at_s, series).tolist() == cut_up


def test_later_points_change_no_earlier_score() -> None:
    series = noise(800)
    changed = series.copy()
    changed[500:] = 1e9
    assert scores_of(series)[:500].tolist() == scores_of(changed)[:500].tolist()


@pytest.mark.parametrize("value", [0.0, 1e300, -5.0])
def test_a_constant_series_is_never_odd(value) -> None:
    assert scores_of(np.full(3000, value)).max() < 2


def test_missing_points_are_neutral_and_teach_nothing() -> None:
    series, at_s = noise(600), minutes(600)
    holed = np.insert(series, 300, [np.nan, np.inf, -np.inf])
    holed_at = np.insert(at_s, 300, [at_s[300]] * 3)
    found = AnomalyScorer().score_many(holed_at, holed)
    assert found[300:303].tolist() == [0, 0, 0]
    assert np.delete(found, [300, 301, 302]).tolist() == scores_of(series).tolist()


def test_it_says_when_it_is_warm() -> None:
    scorer = AnomalyScorer()
    early = scorer.score_many(minutes(WARM_POINTS), noise(WARM_POINTS))
    assert early.max() == 0
    assert not scorer.is_warm
    scorer.score(1.8e9, 0.0)
    assert scorer.is_warm


@pytest.mark.parametrize(
    ("kind", "change"),
    {
        "a spike": lambda x: x + np.where(np.arange(len(x)) == 0, 9.0, 0.0),
        "a dip": lambda x: x - np.where(np.arange(len(x)) == 0, 9.0, 0.0),
        "a level shift": lambda x: x + 4.0,
        "a slow ramp": lambda x: x + np.linspace(0, 8, len(x)),
        "a larger variance": lambda x: 4.0 * x,
        "a dead sensor": lambda x: np.full(len(x), x[0]),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_kind_of_anomaly_is_odder_than_all_before_it(kind, change) -> None:
    series = noise(2200)
    series[2000:] = change(series[2000:])
    found = scores_of(series)
    assert found[2000:].max() > found[300:2000].max(), kind


def test_one_spike_does_not_hide_the_next() -> None:
    series = noise(3000)
    series[[1000, 2500]] = 1e6, 12.0
    assert scores_of(series)[2500] >= threshold(1, 1000, 1)


def test_a_burst_that_recurs_is_learnt_and_a_rare_one_is_not() -> None:
    often, once = noise(4000), noise(4000)
    often[200::100] += 12.0
    once[3000] += 12.0
    assert scores_of(often)[3000] < scores_of(once)[3000] - 1


def test_a_daily_season_is_learnt_at_any_step_and_its_loss_is_odd() -> None:
    for step_s in (300.0, 3600.0):
        points = int(DAY_S / step_s)
        series = 10 * np.sin(2 * np.pi * np.arange(14 * points) / points)
        series += 0.3 * noise(len(series))
        lost = series.copy()
        lost[12 * points + points // 4] = 0.0  # an ordinary value, at the wrong time of day
        healthy, odd = scores_of(series, step_s), scores_of(lost, step_s)
        at = slice(12 * points + points // 4, 12 * points + points // 4 + 1)
        assert odd[at].max() > healthy[2 * points :].max(), step_s


def test_a_standing_anomaly_becomes_usual() -> None:
    series = noise(6000)
    series[2000:] += 20.0
    found = scores_of(series)
    assert found[2000] > 3
    assert found[4000:].max() < found[2000] - 1


def test_a_snapshot_continues_where_it_was_and_fits_in_64_kb() -> None:
    series, at_s = noise(9000) + 5, minutes(9000)
    scorer, restored = AnomalyScorer(), AnomalyScorer()
    scorer.score_many(at_s[:8000], series[:8000])
    arrays = scorer.snapshot()
    assert sum(array.nbytes for array in arrays.values()) < 64_000
    assert all(array.dtype.kind in "fi" for array in arrays.values())
    restored.restore(arrays)
    rest = scorer.score_many(at_s[8000:], series[8000:])
    assert restored.score_many(at_s[8000:], series[8000:]).tolist() == rest.tolist()


def test_a_foreign_snapshot_is_refused() -> None:
    with pytest.raises((KeyError, ValueError)):
        AnomalyScorer().restore({})
    broken = AnomalyScorer().snapshot() | {"scalars": np.zeros(2)}
    with pytest.raises(ValueError, match="numbers"):
        AnomalyScorer().restore(broken)


def test_rarity_and_threshold_are_inverse() -> None:
    score = threshold(1, 7 * DAY_S, 60)
    assert score == pytest.approx(4.003, abs=0.001)
    assert rarity(score) / 60 == pytest.approx(1 / (7 * DAY_S))
    with pytest.raises(ValueError, match="above 0"):
        threshold(0, 60, 60)

"""A rate continued from a tail is right about what is seen later."""

from __future__ import annotations

import numpy as np
import pytest

from controller.statistics.tail_rate import run_maxima, tail_rate

DAY = 86_400
SEED = 20_261


def noise(random: np.random.Generator, days: int) -> np.ndarray:
    """Readings of overlapping windows: each second shares its window with the four before."""
    white = random.standard_normal(days * DAY + 4)
    return np.convolve(white, np.ones(5) / np.sqrt(5.0), "valid")


def test_runs_that_are_close_are_one() -> None:
    margins = np.array([1.0, -1.0, 2.0, -1.0, -1.0, -1.0, -1.0, 3.0])
    assert run_maxima(margins, 0.0, gap=2).tolist() == [2.0, 3.0]
    assert run_maxima(margins, 0.0, gap=10).tolist() == [3.0]
    assert run_maxima(margins, 5.0, gap=2).tolist() == []


def test_what_never_moved_is_only_bounded() -> None:
    found = tail_rate(np.full(DAY, -1.0), 1.0, 60, np.random.default_rng(SEED))
    assert (found.how, found.expected_per_s) == ("bounded", 0.0)
    assert 1.0 / DAY < found.interval[1] < 6.0 / DAY


def test_crossings_are_counted_when_there_are_enough() -> None:
    margins = np.full(DAY, -1.0)
    margins[::4_000] = 1.0
    found = tail_rate(margins, 1.0, 60, np.random.default_rng(SEED))
    assert found.how == "counted"
    assert found.expected_per_s == pytest.approx(22 / DAY)


def test_intervals_learnt_from_a_week_hold_what_a_year_brings() -> None:
    """Borders that healthy noise passes about once a week, once a month and twice a year."""
    random = np.random.default_rng(SEED)
    held, tried = 0, 0
    for border in (4.9, 5.2, 5.5):
        crossings = sum(len(run_maxima(noise(random, 7), border, 600)) for _ in range(12))
        rate = crossings / (12 * 7 * DAY)
        for _ in range(6):
            found = tail_rate(noise(random, 7) - border, 1.0, 600, random)
            low, high = found.interval
            tried += 1
            held += low <= rate <= high or (crossings == 0 and low < 1.0 / (12 * 7 * DAY))
    assert held >= tried - 2, f"{held} of {tried}; seed {SEED}"

"""Burn rates: exact bounds, and how often a service that keeps its target would page."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from controller.statistics.burn_rate import (
    CONFIDENCE,
    LEAST_BAD,
    budget_left,
    least_burn,
    least_events,
    proven_burn,
)

TARGET = 0.999
MONTH = 43_200
"""Minutes of 30 days."""


@pytest.mark.parametrize(("total", "bad"), [(30, 5), (720, 19), (180_000, 400)])
def test_a_proven_burn_is_where_the_exact_test_just_rejects(total: int, bad: int) -> None:
    rate = proven_burn(total, bad, TARGET) * (1.0 - TARGET)
    assert binom.sf(bad - 1, total, rate) == pytest.approx(1.0 - CONFIDENCE, rel=1e-6)


def test_fewer_than_the_least_bad_events_never_burn() -> None:
    assert proven_burn(LEAST_BAD - 1, LEAST_BAD - 1, TARGET) == 0.0
    assert proven_burn(30, LEAST_BAD, TARGET) > 14.4


def test_both_windows_must_burn() -> None:
    assert least_burn((720, 100), (60, 0), TARGET) == 0.0
    assert least_burn((720, 100), (60, 30), TARGET) == proven_burn(720, 100, TARGET)


def test_a_budget_is_known_from_its_least_events_on() -> None:
    assert least_events(TARGET) == pytest.approx(5_000.0)
    assert budget_left(5_000, 5, TARGET) == pytest.approx(0.0)


def _alarms(per_s: float, rate: float, minutes: int, limit: float, months: int) -> float:
    """Alarms per 30 days of a window of so many minutes and its twelfth; seed 5."""
    generator = np.random.default_rng(5)
    total = generator.poisson(per_s * 60.0, MONTH * months)
    bad = generator.binomial(total, rate)
    short = max(1, minutes // 12)
    counts = [(_sums(x, minutes), _sums(x, short)) for x in (total, bad)]
    (long_n, short_n), (long_bad, short_bad) = counts
    size = min(len(long_n), len(short_n))
    columns = [x[-size:] for x in (long_n, long_bad, short_n, short_bad)]
    # Only where the plain rate is above the limit can the bound be.
    least = limit * (1.0 - TARGET)
    likely = np.flatnonzero((columns[1] > least * columns[0]) & (columns[3] > least * columns[2]))
    burns = np.zeros(size, dtype=np.bool_)
    for at in likely.tolist():
        n, k, few_n, few_k = (int(x[at]) for x in columns)
        burns[at] = least_burn((n, k), (few_n, few_k), TARGET) > limit
    started = np.count_nonzero(burns[1:] & ~burns[:-1]) + int(burns[0])
    return float(started) / months


def _sums(x: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    running = np.concatenate([[0], np.cumsum(x)])
    found: NDArray[np.int64] = running[width:] - running[:-width]
    return found


@pytest.mark.parametrize("per_s", [0.2, 50.0])
@pytest.mark.parametrize("rate", [0.001, 0.0005], ids=["at the target", "at half the budget"])
@pytest.mark.parametrize("limit", [14.4, 6.0])
def test_a_service_that_keeps_its_target_never_pages(
    per_s: float, rate: float, limit: float
) -> None:
    assert _alarms(per_s, rate, 60, limit, months=6) == 0.0


@pytest.mark.parametrize(("per_s", "most"), [(0.2, 0.0), (50.0, 0.5)])
def test_three_days_above_one_rarely_alarm_exactly_at_the_target(per_s: float, most: float) -> None:
    assert _alarms(per_s, 0.001, 4_320, 1.0, months=4) <= most

"""E-detectors make at most the stated false alarms, also under a season against a control."""

from __future__ import annotations

import numpy as np
import pytest

from controller.statistics.e_detector import (
    WEIGHTS,
    EDetector,
    Form,
    RateBets,
    attribution_log_factors,
    threshold,
)
from controller.statistics.rate_bounds import lower_bound, upper_bound

RUNS = 200


def false_alarms(detector: EDetector, factors, steps: int) -> int:
    alarms = 0
    for step in range(steps):
        hit = detector.step(factors(step))
        alarms += int(hit.sum())
        detector.restart(hit)
    return alarms


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("rate", [0.05, 0.055])
def test_false_alarms_are_at_most_one_in_so_many_steps(form: Form, rate: float) -> None:
    rng, steps, alarm_at = np.random.default_rng(11), 4_000, 2_000.0
    bets = RateBets.on_fall(0.05)
    detector = EDetector(bets.weights, alarm_at, form, (RUNS,))
    alarms = false_alarms(
        detector, lambda _: bets.log_factors(20, rng.binomial(20, rate, RUNS)), steps
    )
    assert alarms <= RUNS * steps / alarm_at + 3 * np.sqrt(RUNS * steps / alarm_at)


def test_a_daily_season_makes_no_false_alarms_against_a_concurrent_control() -> None:
    rng, steps, alarm_at = np.random.default_rng(12), 4_000, 2_000.0
    detector = EDetector(WEIGHTS, alarm_at, runs=(RUNS,))

    def factors(step: int):
        rate = 0.05 * (1.0 + 0.5 * np.sin(step / 300.0))
        own, others = rng.binomial(10, rate, (2, RUNS))
        return attribution_log_factors(0.5, own, others)

    alarms = false_alarms(detector, factors, steps)
    assert 0 < alarms <= RUNS * steps / alarm_at + 3 * np.sqrt(RUNS * steps / alarm_at)


@pytest.mark.parametrize(("rate", "bets"), [(0.04, "on_fall"), (0.0625, "on_rise")])
def test_a_change_by_a_fifth_is_found_soon(rate: float, bets: str) -> None:
    rng = np.random.default_rng(13)
    chosen = getattr(RateBets, bets)(0.05)
    detector = EDetector(chosen.weights, threshold(30 * 86_400.0, 1.0), runs=(RUNS,))
    for _ in range(250):
        found = detector.step(chosen.log_factors(100, rng.binomial(100, rate, RUNS)))
    assert found.mean() > 0.95


def test_bets_are_fair_at_the_baseline() -> None:
    for bets in (RateBets.on_fall(0.3), RateBets.on_rise(0.3), RateBets.on_either(0.3, 0.3)):
        mean = 0.3 * np.exp(bets.on_success) + 0.7 * np.exp(bets.on_failure)
        assert mean == pytest.approx(1.0)
        assert bets.weights.sum() == pytest.approx(1.0)


def test_nothing_overflows_when_a_step_is_huge_or_a_rate_is_certain() -> None:
    bets = RateBets.on_either(0.0, 1.0)
    detector = EDetector(bets.weights, 1e6)
    for _ in range(20):
        detector.step(bets.log_factors(10**9, 5 * 10**8))
    assert np.isfinite(detector.evidence())


def test_bounds_hold_the_rate_between_them() -> None:
    assert lower_bound(1e6, 5e4) < 0.05 < upper_bound(1e6, 5e4)
    assert lower_bound(1e6, 0) == 0.0
    assert upper_bound(1e6, 1e6) == 1.0
    assert lower_bound(1e6, 5e4) == pytest.approx(0.05 * 0.991, abs=1e-4)

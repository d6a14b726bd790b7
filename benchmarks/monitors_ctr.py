"""CTR 5 to 4 %: delay in impressions against false alarms, beside the detectors people use.

Ours bets impression by impression without knowing the new rate. The floor is the Bernoulli CUSUM
that knows both rates (Reynolds and Stoumbos 1999), whose limit is set by its exact run length (a
Markov chain). river's detectors cannot be set to a false-alarm rate: theirs is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import drift
from scipy.sparse import csc_matrix, identity
from scipy.sparse.linalg import spsolve

from benchmarks.figure import Figure
from controller.statistics.e_detector import (
    WEIGHTS,
    EDetector,
    Form,
    RateBets,
    attribution_log_factors,
)
from controller.statistics.rate_bounds import LEAST_TRIALS, lower_bound

HEALTHY, FALLEN = 0.05, 0.04
SETTINGS = {"1 per 100,000": 1e5, "1 per 30 d of 100/s": 30 * 86_400.0 * 100.0}
CLICK_COST = 21
"""Impressions without a click that outweigh a click: the ratio of the log likelihood ratios."""
WITHIN = 1.2
MOST_IMPRESSIONS = 60_000
SEASON_A, SEASON_STEPS = 2_000.0, 4_000
Delays = NDArray[np.int64]


def figures(quick: bool) -> Iterator[Figure]:
    """Every line of the table."""
    runs = 100 if quick else 400
    for name, between in SETTINGS.items():
        floor, ours = _delays(between, HEALTHY, runs)
        estimated = _estimated_floor()
        _, priced = _delays(between, estimated, runs)
        knowing = float(np.median(floor))
        yield _delay(f"CUSUM that knows both rates, {name}", knowing, knowing, "the floor", True)
        for form, each in ours.items():
            delay = float(np.median(each))
            is_ours = form is Form.SHIRYAEV_ROBERTS
            goal = f"at most {WITHIN} x the floor" if is_ours else "for comparison"
            holds = not is_ours or delay <= WITHIN * knowing
            yield _delay(f"{form}, {name}", delay, knowing, goal, holds)
        price = float(np.median(priced[Form.SHIRYAEV_ROBERTS]))
        yield _delay(f"rate estimated from 1 M, {name}", price, knowing, "the price", True)
    yield from _of_river(10 if quick else 100, 300_000 if quick else 3_000_000)
    yield from _false_alarms(100 if quick else 400)


def _delay(name: str, delay: float, floor: float, goal: str, holds: bool) -> Figure:
    return Figure(name, delay, "impressions", floor, delay / floor, goal, holds)


def _estimated_floor() -> float:
    """What a typical million impressions leave as the lower bound."""
    return lower_bound(LEAST_TRIALS, LEAST_TRIALS * HEALTHY)


def _delays(between: float, floor: float, runs: int) -> tuple[Delays, dict[Form, Delays]]:
    """Of the CUSUM that knows both rates and of both forms of ours, on the same clicks, at the
    start of the worst case: just begun, with no evidence of its own yet."""
    rng = np.random.default_rng(5)
    bets = RateBets.on_fall(floor)
    detectors = {form: EDetector(bets.weights, between, form, (runs,)) for form in Form}
    factors = bets.log_factors(1, np.array([0, 1]))
    limit, score = _cusum_limit(between), np.zeros(runs, dtype=np.int64)
    knowing = np.zeros(runs, dtype=np.int64)
    ours = {form: np.zeros(runs, dtype=np.int64) for form in Form}
    for impression in range(1, MOST_IMPRESSIONS + 1):
        clicked = (rng.random(runs) < FALLEN).astype(np.int64)
        score = np.maximum(0, score + np.where(clicked, -CLICK_COST, 1))
        knowing[(score >= limit) & (knowing == 0)] = impression
        step = factors[clicked]
        for form, detector in detectors.items():
            ours[form][detector.step(step) & (ours[form] == 0)] = impression
        if all(found.all() for found in (knowing, *ours.values())):
            break
    missed = {form: np.where(each, each, MOST_IMPRESSIONS) for form, each in ours.items()}
    return np.where(knowing, knowing, MOST_IMPRESSIONS), missed


def _cusum_limit(between: float) -> int:
    """The least limit whose mean run length, exactly, is at least that many impressions."""
    low, high = 1, 4_000
    while high - low > 1:
        middle = (low + high) // 2
        if _run_length(middle) >= between:
            high = middle
        else:
            low = middle
    return high


def _run_length(limit: int) -> float:
    """Mean impressions until the CUSUM's first false alarm, from 0."""
    states = np.arange(limit)
    after = np.concatenate([states[1:], np.maximum(states - CLICK_COST, 0)])
    before = np.concatenate([states[:-1], states])
    chance = np.repeat([1.0 - HEALTHY, HEALTHY], [limit - 1, limit])
    moves = csc_matrix((chance, (before, after)), shape=(limit, limit))
    return float(np.atleast_1d(spsolve(identity(limit, format="csc") - moves, np.ones(limit)))[0])


def _of_river(runs: int, healthy: int) -> Iterator[Figure]:
    """Median delay after 20,000 healthy impressions, and false alarms while nothing changed."""
    peers: dict[str, Callable[[], Any]] = {
        "ADWIN, delta 0.002": lambda: _new(drift.ADWIN, delta=0.002),
        "Page-Hinkley, threshold 50": lambda: _new(drift.PageHinkley, mode="down"),
    }
    for name, make in peers.items():
        rng = np.random.default_rng(6)
        detector, alarms = make(), 0
        for clicked in (rng.random(healthy) < HEALTHY).tolist():
            detector.update(float(clicked))
            alarms += detector.drift_detected
        rate = alarms / healthy * 1e5
        yield Figure(f"{name}: false alarms", rate, "per 100,000", None, None, "measured", True)
        delays = [_delay_of(make(), rng) for _ in range(runs)]
        delay = float(np.median(delays))
        yield Figure(f"{name}: delay", delay, "impressions", None, None, "for comparison", True)


def _new(kind: Any, **settings: Any) -> Any:
    return kind(**settings)


def _delay_of(detector: Any, rng: np.random.Generator) -> int:
    for clicked in (rng.random(20_000) < HEALTHY).tolist():
        detector.update(float(clicked))
    for at, clicked in enumerate((rng.random(MOST_IMPRESSIONS) < FALLEN).tolist(), start=1):
        detector.update(float(clicked))
        if detector.drift_detected:
            return at
    return MOST_IMPRESSIONS


def _false_alarms(runs: int) -> Iterator[Figure]:
    """Against the rate, and against a concurrent control of a half under a daily season."""
    rng = np.random.default_rng(7)
    bets = RateBets.on_fall(HEALTHY)

    def plain(_: int) -> NDArray[np.float64]:
        return bets.log_factors(20, rng.binomial(20, HEALTHY, runs))

    def seasonal(step: int) -> NDArray[np.float64]:
        own, others = rng.binomial(10, HEALTHY * (1.0 + 0.5 * np.sin(step / 300.0)), (2, runs))
        return attribution_log_factors(0.5, own, others)

    allowed = runs * SEASON_STEPS / SEASON_A
    for name, factors in (("at a steady rate", plain), ("of a control in a season", seasonal)):
        detector, alarms = EDetector(WEIGHTS, SEASON_A, runs=(runs,)), 0
        for step in range(SEASON_STEPS):
            hit = detector.step(factors(step))
            alarms += int(hit.sum())
            detector.restart(hit)
        goal = "at most one per 2,000 steps"
        title = f"false alarms {name}"
        yield Figure(title, alarms, "alarms", allowed, alarms / allowed, goal, alarms <= allowed)

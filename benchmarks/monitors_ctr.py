"""CTR 5 to 4 %: delay in impressions at equal false alarms, beside the detectors people use.

Ours bets impression by impression without knowing the new rate. The floor is the Bernoulli CUSUM
that knows both rates (Reynolds and Stoumbos 1999), whose limit is set by its exact run length (a
Markov chain). river's detectors are set to the same false alarms by simulation (`ctr_peers`). All
see the same clicks. First ours and the floor at their worst case, a fall at their start; then all
in service, after healthy impressions from which river's learn the rate, on the runs in which they
were quiet until the fall.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, identity
from scipy.sparse.linalg import spsolve

from benchmarks.ctr_peers import (
    FORGETTING,
    Found,
    Setting,
    Streams,
    adwin_delays,
    adwin_deltas,
    page_hinkley_delays,
    page_hinkley_threshold,
    streams,
)
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
"""After the fall; a delay that long was not found."""
HEALTHY_IMPRESSIONS = 50_000
FLOOR, ESTIMATED = "CUSUM that knows both rates", "rate estimated from 1 M"
SEASON_A, SEASON_STEPS = 2_000.0, 4_000
SEED = 20_261_124
RESAMPLES = 200
Clicks = NDArray[np.int8]
Delays = NDArray[np.int64]


@dataclass(frozen=True)
class Tuning:
    """How many healthy impressions river's detectors are set by."""

    adwin: int
    common: int
    rare: int


QUICK = Tuning(4_000_000, 20_000_000, 1_000_000_000)
FULL = Tuning(20_000_000, 100_000_000, 10_000_000_000)


def figures(quick: bool) -> Iterator[Figure]:
    """Every line of the table, then what false alarms come."""
    clicks = streams(
        100 if quick else 600, HEALTHY_IMPRESSIONS, MOST_IMPRESSIONS, HEALTHY, FALLEN, SEED
    )
    for name, between in SETTINGS.items():
        yield from _at_start(name, _first_alarms(clicks.after, between))
    tuning = QUICK if quick else FULL
    deltas = adwin_deltas(HEALTHY, tuning.adwin, SEED + 2, list(SETTINGS.values()))
    for (name, between), delta in zip(SETTINGS.items(), deltas, strict=True):
        yield from _in_service(name, clicks, between, delta, tuning)
    yield from _false_alarms(100 if quick else 400)


def _at_start(name: str, found: Mapping[str, Delays]) -> Iterator[Figure]:
    floor, bets, kept = (found[each] for each in (FLOOR, Form.SHIRYAEV_ROBERTS, Form.CUSUM))
    yield _delay(f"{FLOOR}, {name}", floor, floor, "the floor", None)
    goal = f"at most {WITHIN} x the floor (standard error {_ratio_error(bets, floor):.3f})"
    holds = bool(np.median(bets) <= WITHIN * np.median(floor))
    yield _delay(f"{Form.SHIRYAEV_ROBERTS}, {name}", bets, floor, goal, holds)
    goal = f"no faster than {Form.SHIRYAEV_ROBERTS}, which is in use"
    holds = bool(np.median(kept) >= np.median(bets))
    yield _delay(f"{Form.CUSUM}, {name}", kept, floor, goal, holds)
    price = float(np.median(found[ESTIMATED]) / np.median(bets))
    goal = f"no goal: the price of an estimated rate is {price:.2f} x"
    yield _delay(f"{ESTIMATED}, {name}", found[ESTIMATED], floor, goal, None)


def _delay(name: str, delays: Delays, floor: Delays, goal: str, holds: bool | None) -> Figure:
    delay, knowing = float(np.median(delays)), float(np.median(floor))
    return Figure(name, delay, "impressions", knowing, delay / knowing, goal, holds)


def _ratio_error(delays: Delays, floor: Delays) -> float:
    """Standard error of the ratio of the medians, by resampling runs in pairs."""
    rng = np.random.default_rng(SEED + 1)
    drawn = rng.integers(0, delays.size, (RESAMPLES, delays.size))
    ratios = np.median(delays[drawn], axis=1) / np.median(floor[drawn], axis=1)
    return float(ratios.std(ddof=1))


def _in_service(
    name: str, clicks: Streams, between: float, delta: Setting, tuning: Tuning
) -> Iterator[Figure]:
    """river's beside ours with an estimated rate, since they estimate it too."""
    both = np.concatenate([clicks.before, clicks.after], axis=1)
    ours = {who: _since_fall(first) for who, first in _first_alarms(both, between).items()}
    floor, own = ours[FLOOR], ours[ESTIMATED]
    for who in (FLOOR, Form.SHIRYAEV_ROBERTS, ESTIMATED):
        yield _beside(f"{who}, in service, {name}", ours[who], floor, "no goal", None)
    title = f"ADWIN, delta {delta.value:.1e}, in service, {name}"
    yield _peer(title, adwin_delays(clicks, delta.value), floor, own, delta)
    total = tuning.common if between <= min(SETTINGS.values()) else tuning.rare
    at = page_hinkley_threshold(FORGETTING, HEALTHY, between, total, SEED + 3)
    title = f"Page-Hinkley, threshold {at.value:.0f}, in service, {name}"
    yield _peer(title, page_hinkley_delays(clicks, FORGETTING, at.value), floor, own, at)
    at = page_hinkley_threshold(1.0, HEALTHY, between, total, SEED + 4)
    title = f"Page-Hinkley without forgetting, {at.value:.0f}, in service, {name}"
    goal = "no goal: its delta tells it half of the fall"
    yield _beside(title, page_hinkley_delays(clicks, 1.0, at.value), floor, goal, None)


def _peer(name: str, found: Found, floor: Found, own: Found, at: Setting) -> Figure:
    both = found.quiet & own.quiet
    ours, others = (float(np.median(each.delays[both])) for each in (own, found))
    how = "counted" if at.counted else "continued from commoner ones"
    goal = f"slower than our {ours:,.0f} with an estimated rate (false alarms {how})"
    return _beside(name, found, floor, goal, others > ours)


def _beside(name: str, found: Found, floor: Found, goal: str, holds: bool | None) -> Figure:
    """Both on the runs in which both were quiet."""
    both = found.quiet & floor.quiet
    goal = f"{goal}; {np.count_nonzero(both)} runs"
    return _delay(name, found.delays[both], floor.delays[both], goal, holds)


def _since_fall(first: Delays) -> Found:
    return Found(first - HEALTHY_IMPRESSIONS, first > HEALTHY_IMPRESSIONS)


def _first_alarms(clicks: Clicks, between: float) -> dict[str, Delays]:
    """At which impression each detector first alarms, the last one if at none.

    Of the CUSUM that knows both rates, of both forms of ours, and of ours with what a typical
    million impressions leave as the lower bound of the rate.
    """
    runs, length = clicks.shape
    known = RateBets.on_fall(HEALTHY)
    estimated = RateBets.on_fall(lower_bound(LEAST_TRIALS, LEAST_TRIALS * HEALTHY))
    bets: dict[str, tuple[EDetector, NDArray[np.float64]]] = {}
    for name, form, on in (
        *((form.value, form, known) for form in Form),
        (ESTIMATED, Form.SHIRYAEV_ROBERTS, estimated),
    ):
        detector = EDetector(on.weights, between, form, (runs,))
        bets[name] = detector, on.log_factors(1, np.array([0, 1]))
    limit, score = _cusum_limit(between), np.zeros(runs, dtype=np.int64)
    first = {name: np.zeros(runs, dtype=np.int64) for name in (FLOOR, *bets)}
    for impression, clicked in enumerate(np.ascontiguousarray(clicks.T), start=1):
        score = np.maximum(0, score + np.where(clicked, -CLICK_COST, 1))
        first[FLOOR][(score >= limit) & (first[FLOOR] == 0)] = impression
        for name, (detector, factors) in bets.items():
            first[name][detector.step(factors[clicked]) & (first[name] == 0)] = impression
        if impression % 100 == 0 and all(each.all() for each in first.values()):
            break
    return {name: np.where(each, each, length) for name, each in first.items()}


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

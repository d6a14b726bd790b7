"""The anomaly scorer beside river's and a windowed Gaussian: speed, detection, false alarms.

Detection is judged on labelled generated series (`anomaly_series`) with a seed that was not used
for tuning, by ROC-AUC and average precision of the raw scores after the first 15 % of each series.
Always and never firing score 0.5 and the share of labelled points.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import anomaly
from scipy.signal import lfilter
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.anomaly_series import DAY_S, KINDS, Labelled, ar_noise, labelled
from benchmarks.figure import Figure
from controller.statistics.anomaly import AnomalyScorer, threshold
from controller.statistics.anomaly_tail import EPISODE_GAP, LINGER_POINTS

SEED = 2026
LEAST_RATE = 50_000.0
PROBATION = 0.15
STEP_S = 60.0
MOST_FACTOR = 3.0

Array = NDArray[Any]
Score = Callable[[Array, Array], Array]


def figures(quick: bool) -> Iterator[Figure]:
    """Speed, then detection, then false alarms."""
    yield from _speed(20_000 if quick else 100_000)
    yield from _detection(1 if quick else 5)
    yield from _false_alarms(2 if quick else 10)


def ours(times_s: Array, values: Array) -> Array:
    """A new scorer over a whole series."""
    return AnomalyScorer().score_many(times_s, values)


def half_space_trees(_times_s: Array, values: Array) -> Array:
    """River's, fed with values scaled to 0..1 by the first 15 %, as it needs."""
    head = values[: max(2, int(PROBATION * len(values)))]
    low, spread = head.min(), max(float(np.ptp(head)), 1e-9)
    model: Any = anomaly.HalfSpaceTrees(seed=1)
    found = []
    for value in np.clip((values - low) / spread * 0.5 + 0.25, 0, 1).tolist():
        found.append(model.score_one({"x": value}))
        model.learn_one({"x": value})
    return np.array(found)


def gaussian_scorer(_times_s: Array, values: Array) -> Array:
    """River's, over all of the past: its windowed form raises on flat stretches."""
    return _one_by_one(anomaly.GaussianScorer(), values)  # type: ignore[no-untyped-call]


def absolute_deviation(_times_s: Array, values: Array) -> Array:
    """River's distance from the mean in standard deviations."""
    return np.asarray(np.abs(_one_by_one(anomaly.StandardAbsoluteDeviation(), values)))


def windowed_gaussian(_times_s: Array, values: Array) -> Array:
    """Tail of a Gaussian over the last 6,000 points: here all of the past, as series are short."""
    moved = values - values[0]
    count = np.maximum(np.arange(len(values)), 1)
    mean = (np.cumsum(moved) - moved) / count
    square = (np.cumsum(moved**2) - moved**2) / count
    deviation = np.sqrt(np.maximum(square - mean**2, 1e-12))
    return np.asarray(-norm.logsf(np.minimum(np.abs(moved - mean) / deviation, 1e3)))


def smoothed_gaussian(times_s: Array, values: Array) -> Array:
    """The same, smoothed: labels are windows, so what lingers scores better for that alone."""
    step = 1.0 / LINGER_POINTS
    return np.asarray(lfilter([step], [1, step - 1], windowed_gaussian(times_s, values)))


BASELINES: dict[str, Score] = {
    "river HalfSpaceTrees": half_space_trees,
    "river GaussianScorer": gaussian_scorer,
    "river StandardAbsoluteDeviation": absolute_deviation,
    "windowed Gaussian": windowed_gaussian,
    "windowed Gaussian, smoothed": smoothed_gaussian,
    "always or never": lambda _times_s, values: np.zeros(len(values)),
}


def _one_by_one(model: Any, values: Array) -> Array:
    found = []
    for value in values.tolist():
        found.append(float(model.score_one(None, value)))
        model.learn_one(None, value)
    return np.nan_to_num(np.array(found, dtype=np.float64))


def _speed(points: int) -> Iterator[Figure]:
    times_s = STEP_S * np.arange(points)
    values = np.random.default_rng(SEED).normal(size=points)
    values += 5 * np.sin(2 * np.pi * times_s / DAY_S)
    rate = _rate(ours, times_s, values)
    for name, peer, share in (
        ("river HalfSpaceTrees", half_space_trees, 10),
        ("river GaussianScorer", gaussian_scorer, 2),
    ):
        part = points // share
        floor = _rate(peer, times_s[:part], values[:part])
        goal = f"at least {LEAST_RATE:,.0f} points/s on one core"
        yield Figure(
            f"anomaly scorer, batch, beside {name}",
            rate, "points/s", floor, rate / floor, goal, rate >= LEAST_RATE,
        )  # fmt: skip


def _rate(score: Score, times_s: Array, values: Array) -> float:
    started_s = time.process_time()
    score(times_s, values)
    return len(values) / max(time.process_time() - started_s, 1e-9)


def _detection(repeats: int) -> Iterator[Figure]:
    series = [
        labelled(kind, np.random.default_rng([SEED, repeat, at]))
        for repeat in range(repeats)
        for at, kind in enumerate(KINDS)
    ]
    own = _quality(ours, series)
    for name, score in BASELINES.items():
        theirs = _quality(score, series)
        for metric, value, floor in zip(("ROC-AUC", "mean precision"), own, theirs, strict=True):
            yield Figure(
                f"{metric} beside {name}",
                100 * value, "%", 100 * floor, value / floor,
                f"higher, {len(series)} labelled series", value > floor,
            )  # fmt: skip


def _quality(score: Score, series: list[Labelled]) -> tuple[float, float]:
    """Mean ROC-AUC and mean average precision over the series."""
    areas, precisions = [], []
    for one in series:
        start = int(PROBATION * len(one.values))
        odd, found = one.odd[start:], score(one.times_s, one.values)[start:]
        areas.append(roc_auc_score(odd, found))
        precisions.append(average_precision_score(odd, found))
    return float(np.mean(areas)), float(np.mean(precisions))


def _false_alarms(runs: int) -> Iterator[Figure]:
    days = 14
    count = days * 1440
    wave = 5 * np.sin(2 * np.pi * np.arange(count) / 1440)
    kinds: dict[str, Callable[[np.random.Generator], Array]] = {
        "AR(1) of 0.9": lambda rng: ar_noise(rng, count, 0.9),
        "seasonal": lambda rng: wave + ar_noise(rng, count, 0.5),
        "log-normal": lambda rng: np.exp(0.8 * ar_noise(rng, count, 0.5)),
        "Student t3": lambda rng: rng.standard_t(3, size=count),
    }
    least = threshold(1, 7 * DAY_S, STEP_S)
    for name, make in kinds.items():
        alarms = 0
        for run in range(runs):
            found = ours(STEP_S * np.arange(count), make(np.random.default_rng([SEED, run])))
            at = np.flatnonzero(found[1440:] >= least)
            alarms += int((np.diff(at, prepend=-EPISODE_GAP - 1) > EPISODE_GAP).sum())
        weekly = alarms / (runs * (days - 1) / 7)
        goal = f"at most {MOST_FACTOR:g} where 1 a week is asked for"
        yield Figure(
            f"false alarms on healthy minutes, {name}",
            weekly, "per week", 1.0, weekly, goal, weekly <= MOST_FACTOR,
        )  # fmt: skip

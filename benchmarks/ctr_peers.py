"""river's change detectors on clicks, set to a false-alarm rate by simulating healthy clicks.

Neither can be told a rate. ADWIN's delta and Page-Hinkley's threshold are therefore searched: false
alarms are counted at settings where they are common enough to count, and where the wanted rate is
too rare for that the line through the logarithms is continued. Page-Hinkley never restarts before
its first alarm, so that its statistic is computed for all steps at once, and is checked against
river's own in the same run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import drift
from scipy.signal import lfilter

Clicks = NDArray[np.int8]
Delays = NDArray[np.int64]
Floats = NDArray[np.float64]

FALL_DELTA = 0.005
"""river's default, which is half of a fall from 5 to 4 %: the best for it."""
FORGETTING = 0.9999
"""river's default; 1.0 forgets nothing."""
LEAST_INSTANCES = 30
GRID = 1_000
"""Steps that are remembered as one, of how high a healthy statistic has been."""
BATCH = 20
MOST_ONE_BY_ONE = 1e6
LONGEST = 5e7
"""Impressions of one simulated start; what is later is as rare as at its end."""
LEAST_ALARMS = 10
"""Of a setting whose false alarms are counted."""
DELTAS = (0.02, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True, slots=True)
class Streams:
    """The same clicks for every detector, in shape (runs, impressions)."""

    before: Clicks
    after: Clicks


@dataclass(frozen=True, slots=True)
class Found:
    """Of every run; ``delays`` mean nothing in those that were not ``quiet`` before the fall."""

    delays: Delays
    quiet: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Setting:
    """Of a detector for one false-alarm rate; ``counted`` unless it was too rare for that."""

    value: float
    counted: bool


def streams(runs: int, head: int, length: int, healthy: float, fallen: float, seed: int) -> Streams:
    rng = np.random.default_rng(seed)
    shapes = (runs, head), (runs, length)
    before, after = (
        (rng.random(shape, dtype=np.float32) < rate).astype(np.int8)
        for shape, rate in zip(shapes, (healthy, fallen), strict=True)
    )
    return Streams(before, after)


def page_hinkley_threshold(
    forgetting: float, healthy: float, between: float, total: int, seed: int
) -> Setting:
    """At which a false alarm comes once per ``between`` impressions in the mean, from a start.

    Of ``total`` healthy impressions. Where alarms are rare they are drawn and looked at `BATCH` at
    a time, which sees a few alarms less, so that the threshold is a little low: to its favour.
    """
    rng = np.random.default_rng(seed)
    length = int(min(10 * between, LONGEST))
    batch = 1 if between <= MOST_ONE_BY_ONE else BATCH
    highest = []
    for _ in range(max(total // length, 1)):
        clicks = rng.binomial(batch, healthy, length // batch).astype(np.float64)
        statistic = page_hinkley(clicks, forgetting, batch)
        looked = statistic[: statistic.size // GRID * GRID].reshape(-1, GRID)
        highest.append(np.maximum.accumulate(looked.max(axis=1)))
    return _level(np.array(highest), GRID * batch, between)


def _level(highest: Floats, step: int, between: float) -> Setting:
    """The level that ``highest`` (runs, looks every ``step`` impressions) passes that rarely."""
    levels = np.linspace(float(highest[:, 0].min()), float(highest.max()), 80)
    rates = np.zeros(levels.size)
    for place, level in enumerate(levels):
        passed = highest > level
        alarms = np.count_nonzero(passed[:, -1])
        quiet = np.where(passed[:, -1], passed.argmax(axis=1) + 1, passed.shape[1]).sum()
        rates[place] = alarms / (quiet * step) if alarms >= LEAST_ALARMS else 0.0
    return _setting(levels, rates, 1.0 / between)


def page_hinkley(clicks: Floats, forgetting: float, batch: int = 1) -> Floats:
    """What river's Page-Hinkley (mode "down") compares with its threshold, after each batch."""
    mean = np.cumsum(clicks) / np.arange(batch, batch * clicks.size + 1, batch)
    steps = clicks - batch * (mean - FALL_DELTA)
    total: Floats = lfilter([1.0], [1.0, -(forgetting**batch)], steps)
    highest = np.maximum(np.maximum.accumulate(total), -1.0)
    found: Floats = highest - total
    found[: (LEAST_INSTANCES - 1) // batch] = 0.0
    return found


def page_hinkley_delays(clicks: Streams, forgetting: float, threshold: float) -> Found:
    """Delays of each run; three of them are checked against river's own."""
    head, length = clicks.before.shape[1], clicks.after.shape[1]
    first = np.empty(len(clicks.after), np.int64)
    for run, (before, after) in enumerate(zip(clicks.before, clicks.after, strict=True)):
        row = np.concatenate([before, after]).astype(np.float64)
        passed = page_hinkley(row, forgetting) > threshold
        first[run] = passed.argmax() if passed.any() else row.size - 1
        if run < 3 and first[run] != _of_river(row, forgetting, threshold):
            raise AssertionError("this Page-Hinkley is not river's")
    quiet = first >= head
    return Found(np.minimum(first - head + 1, length), quiet)


def _of_river(row: Floats, forgetting: float, threshold: float) -> int:
    make: Any = drift.PageHinkley
    detector = make(mode="down", threshold=threshold, alpha=forgetting)
    for at, value in enumerate(row.tolist()):
        detector.update(value)
        if detector.drift_detected:
            return at
    return row.size - 1


def adwin_deltas(healthy: float, length: int, seed: int, between: Sequence[float]) -> list[Setting]:
    """The delta for each mean number of impressions between false alarms."""
    rng = np.random.default_rng(seed)
    clicks = (rng.random(length) < healthy).astype(np.float64).tolist()
    rates = []
    for delta in DELTAS:
        detector, alarms = _adwin(delta), 0
        for value in clicks:
            detector.update(value)
            alarms += detector.drift_detected
        rates.append(alarms / length if alarms >= LEAST_ALARMS else 0.0)
    found = [_setting(np.log(DELTAS), np.array(rates), 1.0 / each) for each in between]
    return [Setting(float(np.exp(each.value)), each.counted) for each in found]


def adwin_delays(clicks: Streams, delta: float) -> Found:
    """By river's own."""
    length = clicks.after.shape[1]
    delays = np.zeros(len(clicks.after), np.int64)
    for run, (before, after) in enumerate(zip(clicks.before, clicks.after, strict=True)):
        detector = _adwin(delta)
        if not _first(detector, before):
            delays[run] = _first(detector, after) or length
    return Found(delays, delays > 0)


def _adwin(delta: float) -> Any:
    make: Any = drift.ADWIN
    return make(delta=delta)


def _first(detector: Any, clicks: Clicks) -> int:
    """The number of the first step at an alarm, or 0."""
    for at, value in enumerate(clicks.astype(np.float64).tolist(), start=1):
        detector.update(value)
        if detector.drift_detected:
            return at
    return 0


def _setting(settings: Floats, rates: Floats, wanted: float) -> Setting:
    """Where the rate is the wanted one: between two that were counted, or beyond them on the line
    through the logarithms of the rarer third."""
    counted = rates > 0.0
    logs = np.log(rates[counted])
    order = np.argsort(logs, kind="stable")
    at, logs = settings[counted][order], logs[order]
    if logs[0] <= np.log(wanted) <= logs[-1]:
        return Setting(float(np.interp(np.log(wanted), logs, at)), counted=True)
    rare = slice(0, max(3, at.size // 3))
    slope, start = np.polyfit(logs[rare], at[rare], 1)
    return Setting(float(start + slope * np.log(wanted)), counted=False)

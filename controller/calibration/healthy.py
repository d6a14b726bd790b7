"""A healthy period as columns: one number per series and second, NaN where it was not ok."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Readings, ReadingState, SignalKey

Column = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HealthyPeriod:
    """Series of one length, a step of 1 s each. ``start_s`` is the time of the first."""

    start_s: float
    series: Mapping[SignalKey, Column]
    length: int

    @property
    def days(self) -> float:
        return self.length / 86_400.0


def joined(periods: Sequence[HealthyPeriod]) -> HealthyPeriod:
    """Periods of the same series, one after another. There must be one."""
    first = periods[0]
    series = {key: np.concatenate([p.series[key] for p in periods]) for key in first.series}
    return HealthyPeriod(first.start_s, series, sum(p.length for p in periods))


class HealthyRecorder:
    """Gathers the readings of ticks. Seconds without a tick are unknown."""

    def __init__(self, keys: Iterable[SignalKey]) -> None:
        self._keys = sorted(keys)
        self._rows: list[tuple[int, Column]] = []

    def take(self, at_s: float, readings: Readings) -> None:
        """One tick's readings; later ticks of the same second win."""
        row = np.array([_value(readings, key) for key in self._keys], dtype=np.float32)
        self._rows.append((math.floor(at_s), row))

    def period(self) -> HealthyPeriod:
        """Everything gathered, on a grid of seconds. Empty when nothing was."""
        if not self._rows:
            return HealthyPeriod(0.0, {key: np.zeros(0, np.float32) for key in self._keys}, 0)
        seconds = np.array([second for second, _ in self._rows])
        start, length = int(seconds.min()), int(np.ptp(seconds)) + 1
        grid = np.full((length, len(self._keys)), np.nan, dtype=np.float32)
        grid[seconds - start] = np.array([row for _, row in self._rows])
        columns = np.ascontiguousarray(grid.T)
        series = dict(zip(self._keys, columns, strict=True))
        return HealthyPeriod(float(start), series, length)


def _value(readings: Readings, key: SignalKey) -> float:
    reading = readings.get(key)
    if reading is None or reading.state is not ReadingState.OK or reading.value is None:
        return math.nan
    return reading.value

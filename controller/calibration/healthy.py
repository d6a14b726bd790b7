"""A healthy period as columns: one number per series and watched second, NaN where it was not ok.

Time in which nobody looked takes no room and counts for nothing: the columns stop and go on.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.core.conditions import GAP_TICKS
from controller.core.readings import Readings, ReadingState, SignalKey

Column = NDArray[np.float32]
Seconds = NDArray[np.int64]
APART_S = 86_400
"""Between periods that are joined: no `for` and hardly a cooldown reaches from one to the next."""


@dataclass(frozen=True, slots=True)
class HealthyPeriod:
    """``at_s``: the seconds that were watched, rising, from any zero; series as long."""

    at_s: Seconds
    series: Mapping[SignalKey, Column]

    @classmethod
    def unbroken(cls, series: Mapping[SignalKey, Column], length: int) -> HealthyPeriod:
        """A period of so many seconds without a gap."""
        return cls(np.arange(length, dtype=np.int64), series)

    @property
    def length(self) -> int:
        """Watched seconds."""
        return self.at_s.size

    @property
    def days(self) -> float:
        return self.length / 86_400.0

    @property
    def stretches(self) -> list[slice]:
        """Where the columns go on without a gap."""
        ends = (np.flatnonzero(np.diff(self.at_s) > 1) + 1).tolist()
        return [slice(a, b) for a, b in zip([0, *ends], [*ends, self.length], strict=True) if a < b]


def joined(periods: Sequence[HealthyPeriod]) -> HealthyPeriod:
    """Periods of the same series, one after another and well apart. There must be one."""
    series = {key: np.concatenate([p.series[key] for p in periods]) for key in periods[0].series}
    at_s, next_s = [], 0
    for each in (p.at_s for p in periods if p.length):
        at_s.append(each - each[0] + next_s)
        next_s = int(at_s[-1][-1]) + APART_S
    return HealthyPeriod(np.concatenate(at_s or [np.zeros(0, np.int64)]), series)


class HealthyRecorder:
    """Gathers the readings of ticks.

    A tick that is late is as the one before until it comes, as timers take it; after more than
    ``GAP_TICKS`` nobody watched.
    """

    def __init__(self, keys: Iterable[SignalKey]) -> None:
        self._keys = sorted(keys)
        self._seconds = array("q")
        self._values = array("f")

    def take(self, at_s: float, readings: Readings) -> None:
        """One tick's readings; later ticks of the same second win."""
        self._seconds.append(math.floor(at_s))
        self._values.extend(_value(readings, key) for key in self._keys)

    def period(self) -> HealthyPeriod:
        """Everything gathered, in order of time. Empty when nothing was."""
        seconds, values = np.array(self._seconds), np.array(self._values)
        values = values.reshape(seconds.size, len(self._keys))
        order = np.argsort(seconds, kind="stable")
        seconds = seconds[order]
        last = np.diff(seconds, append=math.inf) > 0
        seconds, order = seconds[last], order[last]
        until_next = np.diff(seconds, append=seconds[-1:] + 1)
        lasts = np.where(until_next <= GAP_TICKS, until_next, 1)
        rows = values[np.repeat(order, lasts)]
        since = np.arange(len(rows)) - np.repeat(np.cumsum(lasts) - lasts, lasts)
        columns = np.ascontiguousarray(rows.T)
        series = dict(zip(self._keys, columns, strict=True))
        return HealthyPeriod(np.repeat(seconds, lasts) + since, series)


def _value(readings: Readings, key: SignalKey) -> float:
    reading = readings.get(key)
    if reading is None or reading.state is not ReadingState.OK or reading.value is None:
        return math.nan
    return reading.value

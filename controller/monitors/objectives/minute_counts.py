"""Counts by minute for weeks: small arrays by hour, and sums over any window at little cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.running_windows import RunningWindows

MINUTE_S = 60
_HOUR = 60
TOTAL, BAD = 0, 1
"""What is counted of each series."""

Table = NDArray[np.int64]


class MinuteCounts:
    """Total and bad events of ``series`` series by minute since 1970; exact in any order.

    30 days take 0.5 MB per series. Of a window, whole hours are a running sum.
    """

    def __init__(self, series: int) -> None:
        self.series = series
        self._minutes: dict[int, NDArray[np.int32]] = {}
        """By hour: [minute of the hour, series, total or bad]."""
        self._hours: dict[int, Table] = {}
        """Their sums: [series, total or bad]."""
        self._running = RunningWindows(self._hours)
        self._least = self._most = 0
        """Minutes there are lie within; there need not be one at either end."""

    def add(self, minute: int, counts: Table) -> None:
        """Add [series, total or bad] to one minute."""
        if not counts.any():
            return
        hour, place = divmod(minute, _HOUR)
        self._make(hour)
        self._minutes[hour][place] += counts.astype(np.int32)
        self._hours[hour] += counts
        self._running.add(hour, counts)
        self._least, self._most = min(self._least, minute), max(self._most, minute)

    def _make(self, hour: int) -> None:
        if hour in self._minutes:
            return
        if not self._minutes:
            self._least, self._most = hour * _HOUR, hour * _HOUR
        self._minutes[hour] = np.zeros((_HOUR, self.series, 2), np.int32)
        self._hours[hour] = np.zeros((self.series, 2), np.int64)

    def between(self, first: int, after: int) -> Table:
        """The sum from minute ``first`` until before ``after``: [series, total or bad]."""
        first_hour, after_hour = -(-first // _HOUR), after // _HOUR
        if first_hour >= after_hour:
            return self._slowly(first, after)
        total = self._slowly(first, first_hour * _HOUR) + self._slowly(after_hour * _HOUR, after)
        whole = self._running.between(first_hour, after_hour, 2)
        total[: len(whole)] += whole
        return total

    def _slowly(self, first: int, after: int) -> Table:
        total = np.zeros((self.series, 2), np.int64)
        for hour in range(first // _HOUR, -(-after // _HOUR)):
            if hour in self._minutes:
                start = hour * _HOUR
                found = self._minutes[hour][max(0, first - start) : after - start]
                total += found.sum(axis=0, dtype=np.int64)
        return total

    def merge(self, other: MinuteCounts) -> None:
        """Add another's counts; raise ValueError when it has other series."""
        if other.series != self.series:
            raise ValueError("minutes of different series cannot be merged")
        for hour, minutes in other._minutes.items():
            self._make(hour)
            self._minutes[hour] += minutes
            self._hours[hour] += other._hours[hour]
            self._running.add(hour, other._hours[hour])
        if other._minutes:
            self._least = min(self._least, other._least)
            self._most = max(self._most, other._most)

    def forget(self, before_s: float, after_s: float) -> None:
        """Drop hours that end before ``before_s`` and minutes that start after ``after_s``."""
        first_hour, last = math.floor(before_s / MINUTE_S) // _HOUR, math.floor(after_s / MINUTE_S)
        if not self._minutes or (self._least // _HOUR >= first_hour and self._most <= last):
            return
        last_hour, place = divmod(last, _HOUR)
        for hour in [h for h in self._minutes if not first_hour <= h <= last_hour]:
            del self._minutes[hour]
            self._running.remove(hour, self._hours.pop(hour))
        future = self._minutes[last_hour][place + 1 :] if last_hour in self._minutes else None
        if future is not None and future.any():
            gone = future.sum(axis=0, dtype=np.int64)
            future[:] = 0
            self._hours[last_hour] -= gone
            self._running.add(last_hour, -gone)
        self._least = max(self._least, first_hour * _HOUR)
        self._most = min(self._most, last)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """``hours``: [hour], ascending; ``minutes``: [hour, minute, series, total or bad]."""
        hours = sorted(self._minutes)
        shape = (len(hours), _HOUR, self.series, 2)
        minutes = [self._minutes[hour] for hour in hours]
        return {
            "hours": np.array(hours, dtype=np.int64),
            "minutes": np.array(minutes, dtype=np.int32).reshape(shape),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], places: Sequence[int | None]) -> None:
        """Become what was snapshotted; ``places`` says which stored series is each of ours, if any.

        Raise KeyError or ValueError on anything else.
        """
        hours, stored = arrays["hours"], arrays["minutes"]
        if hours.ndim != 1 or stored.ndim != 4 or stored.shape[:2] != (hours.size, _HOUR):
            raise ValueError("minutes are not in a shape this program writes")
        if stored.shape[3] != 2 or any(p is not None and p >= stored.shape[2] for p in places):
            raise ValueError("minutes have other series than their names say")
        self.__init__(self.series)  # type: ignore[misc]
        for at, hour in enumerate(hours.tolist()):
            self._make(hour)
            for own, place in enumerate(places):
                if place is not None:
                    self._minutes[hour][:, own] = stored[at][:, place]
            self._hours[hour] = self._minutes[hour].sum(axis=0, dtype=np.int64)
        if self._minutes:
            self._least = min(self._minutes) * _HOUR
            self._most = max(self._minutes) * _HOUR + _HOUR - 1

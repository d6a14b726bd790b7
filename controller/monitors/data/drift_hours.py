"""Counts of whole hours for longer than a week, so that an hour can be compared with its like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.events import Events
from controller.monitors.monitor import Arrays
from controller.statistics.reference_bins import CELLS

HOUR_S = 3_600
KEPT_S = 8 * 24 * HOUR_S
Table = NDArray[np.int32]


class HourlyCounts:
    """``features`` are the codes of the events counted; 8 days of 20 features take 170 kB."""

    def __init__(self, features: int) -> None:
        self._features = features
        self._hours: dict[int, Table] = {}

    def count(self, events: Events) -> None:
        """Count each event once."""
        if events.start == events.end:
            return
        low_s, high_s = events.span_s()
        flat = events.codes * CELLS + events.cells
        if low_s // HOUR_S == high_s // HOUR_S:
            self._add_flat(low_s // HOUR_S, flat)
            return
        hours = events.seconds // HOUR_S
        for hour in np.unique(hours).tolist():
            self._add_flat(hour, flat[hours == hour])

    def _add_flat(self, hour: int, flat: NDArray[np.int64]) -> None:
        counts = np.bincount(flat, minlength=self._features * CELLS)
        self.add(hour, counts.reshape(self._features, CELLS))

    def add(self, hour: int, counts: NDArray[np.int64]) -> None:
        """Add counts (features, cells) to an hour since 1970."""
        table = self._table(hour)
        table += counts.astype(np.int32)

    def _table(self, hour: int) -> Table:
        return self._hours.setdefault(hour, np.zeros((self._features, CELLS), np.int32))

    def at(self, at_s: float) -> NDArray[np.int64]:
        """Counts (features, cells) of the hour in which this time lies."""
        hour = int(at_s // HOUR_S)
        if hour not in self._hours:
            return np.zeros((self._features, CELLS), np.int64)
        return self._hours[hour].astype(np.int64)

    def merge(self, other: HourlyCounts) -> None:
        """Add another's counts of the same features."""
        for hour, table in other._hours.items():
            mine = self._table(hour)
            mine += table

    def forget(self, before_s: float, after_s: float) -> None:
        """Drop hours that ended before ``before_s`` or start after ``after_s``."""
        first, last = before_s // HOUR_S, after_s // HOUR_S
        for hour in [hour for hour in self._hours if not first <= hour <= last]:
            del self._hours[hour]

    def snapshot(self) -> Arrays:
        hours = sorted(self._hours)
        tables = [self._hours[hour] for hour in hours]
        shape = (len(hours), self._features, CELLS)
        return {
            "steps": np.array(hours, dtype=np.int64),
            "tables": np.array(tables, dtype=np.int32).reshape(shape),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        hours, tables = arrays["steps"].tolist(), arrays["tables"]
        if tables.shape != (len(hours), self._features, CELLS) or tables.dtype != np.int32:
            raise ValueError("hourly counts are not in a shape this program writes")
        self._hours = {int(hour): table.copy() for hour, table in zip(hours, tables, strict=True)}

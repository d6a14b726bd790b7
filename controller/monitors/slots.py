"""Integer counts by series, second and cell: what nearly every tally is made of."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

OVERFLOW = "other"
"""The series that takes what the limit leaves without one of its own."""
MOST_SERIES = 64
_FIT_AS_LABEL = re.compile(r"[A-Za-z0-9_.:/\-]{1,128}")

Cells = NDArray[np.int64]
T = TypeVar("T")


def safe_label(name: str) -> str:
    """A name others sent, if it can be a label; else the overflow label."""
    return name if _FIT_AS_LABEL.fullmatch(name) else OVERFLOW


def drop_outside(slots: dict[int, T], first: int, last: int) -> list[T]:
    """Remove and return what is not within first to last. A tick usually drops one or none."""
    if not slots or (first <= min(slots) and max(slots) <= last):
        return []
    oldest = min(slots)
    if first == oldest + 1 and max(slots) <= last:
        return [slots.pop(oldest)]
    gone = [step for step in slots if not first <= step <= last]
    return [slots.pop(step) for step in gone]


class Slots:
    """``cells`` counts per series and second (or per ``step_s`` seconds).

    ``first`` are names that always get a series of their own, since settings name them.
    """

    def __init__(
        self,
        cells: int,
        *,
        first: Sequence[str] = (),
        most_series: int = MOST_SERIES,
        step_s: int = 1,
    ) -> None:
        self.cells = cells
        self.step_s = step_s
        self._most_series = max(most_series, len(first) + 1)
        self._series: dict[str, dict[int, Cells]] = {name: {} for name in first}

    def names(self) -> list[str]:
        """Every series there is, also those without counts now."""
        return list(self._series)

    def add(
        self,
        names: Sequence[str],
        codes: NDArray[np.int64],
        seconds: NDArray[np.int64],
        cells: NDArray[np.int64],
    ) -> None:
        """Count one event per element: series ``names[code]``, at that second, in that cell."""
        if not codes.size:
            return
        steps = seconds // self.step_s
        order = np.lexsort((steps, codes))
        codes, steps, cells = codes[order], steps[order], cells[order]
        changes = np.flatnonzero((np.diff(codes) != 0) | (np.diff(steps) != 0)) + 1
        bounds = [0, *changes.tolist(), codes.size]
        for start, end in itertools.pairwise(bounds):
            slot = self._slot(names[codes[start]], int(steps[start]))
            slot += np.bincount(cells[start:end], minlength=self.cells)

    def series_of(self, name: str) -> str:
        """The series a name is counted in: its own, or the overflow beyond the limit."""
        if name not in self._series:
            full = len(self._series) >= self._most_series
            name = OVERFLOW if full else safe_label(name)
            self._series.setdefault(name, {})
        return name

    def _slot(self, name: str, step: int) -> Cells:
        series = self._series[self.series_of(name)]
        slot = series.get(step)
        if slot is None:
            slot = series[step] = np.zeros(self.cells, dtype=np.int64)
        return slot

    def window(self, name: str, start_s: float, end_s: float) -> Cells:
        """Counts over the seconds from ``start_s`` until before ``end_s``."""
        total = np.zeros(self.cells, dtype=np.int64)
        for _, slot in self.between(name, start_s, end_s):
            total += slot
        return total

    def between(self, name: str, start_s: float, end_s: float) -> list[tuple[int, Cells]]:
        """(second, counts) of the slots that are not empty, ascending."""
        series = self._series.get(name, {})
        steps = range(int(start_s // self.step_s), int(-(-end_s // self.step_s)))
        if len(series) < len(steps):
            return [(step * self.step_s, series[step]) for step in sorted(series) if step in steps]
        return [(step * self.step_s, series[step]) for step in steps if step in series]

    def forget(self, before_s: float, after_s: float) -> None:
        """Drop slots that end before ``before_s`` or start after ``after_s``."""
        first, last = math.floor(before_s / self.step_s), math.floor(after_s / self.step_s)
        for series in self._series.values():
            drop_outside(series, first, last)

    def drop(self, name: str) -> None:
        """Forget a series altogether."""
        self._series.pop(name, None)

    def merge(self, other: Slots) -> None:
        """Add another's counts; raise ValueError when its layout differs."""
        if (other.cells, other.step_s) != (self.cells, self.step_s):
            raise ValueError("slots of different layouts cannot be merged")
        for name, series in other._series.items():
            for step, counts in series.items():
                slot = self._slot(name, step)
                slot += counts

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Sparse: one entry per non-zero cell."""
        rows: list[NDArray[np.int64]] = []
        for place, series in enumerate(self._series.values()):
            for step, counts in series.items():
                cells = np.flatnonzero(counts)
                at = np.full((2, cells.size), [[place], [step]], dtype=np.int64)
                rows.append(np.vstack([at, cells, counts[cells]]))
        table = np.hstack(rows) if rows else np.zeros((4, 0), dtype=np.int64)
        return {"names": np.array(list(self._series), dtype=np.str_), "counts": table}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted; names of settings stay. Raise KeyError or ValueError."""
        names, table = arrays["names"].tolist(), arrays["counts"]
        if table.dtype != np.int64 or table.ndim != 2 or table.shape[0] != 4:
            raise ValueError("slots are not in a shape this program writes")
        if table.size and not np.isin(table[2], np.arange(self.cells)).all():
            raise ValueError("slots have other cells than this program's")
        every = [*self._series, *(str(name) for name in names)]
        self._series = {name: {} for name in every}
        for place, step, cell, count in table.T.tolist():
            self._slot(str(names[place]), step)[cell] += count

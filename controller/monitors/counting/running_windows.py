"""Sums over windows that slide: what leaves is taken off and what enters is added, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_WINDOWS = 16
"""Windows of so many lengths are kept running; the one made first gives way."""

Table = NDArray[np.int64]


@dataclass(slots=True)
class _Window:
    first: int
    after: int
    total: Table

    def add(self, table: Table, sign: int) -> None:
        rows = len(table)
        if len(self.total) < rows:
            wider = np.zeros((rows, table.shape[1]), dtype=np.int64)
            wider[: len(self.total)] = self.total
            self.total = wider
        if sign > 0:
            self.total[:rows] += table
        else:
            self.total[:rows] -= table


class RunningWindows:
    """Over ``steps``, tables of counts by step. Whoever changes a table tells `add`.

    >>> steps = {1: np.array([[1]]), 2: np.array([[2]]), 4: np.array([[4]])}
    >>> windows = RunningWindows(steps)
    >>> [int(windows.between(n, n + 2, 1)[0, 0]) for n in (1, 2, 3)]
    [3, 2, 4]
    """

    def __init__(self, steps: Mapping[int, Table]) -> None:
        self._steps = steps
        self._windows: dict[int, _Window] = {}

    def clear(self) -> None:
        """Everything may have changed."""
        self._windows.clear()

    def add(self, step: int, table: Table) -> None:
        """So much was added to a step's table."""
        for window in self._windows.values():
            if window.first <= step < window.after:
                window.add(table, 1)

    def remove(self, step: int, table: Table) -> None:
        """A step's table is gone."""
        for window in self._windows.values():
            if window.first <= step < window.after:
                window.add(table, -1)

    def between(self, first: int, after: int, cells: int) -> Table:
        """The sum from step ``first`` until before ``after``. Good until the next change."""
        window = self._windows.get(after - first)
        if window is not None and window.first == first:
            return window.total
        if window is None or not 0 < first - window.first < after - first:
            return self._begin(first, after, cells)
        for step in range(window.first, first):
            if (table := self._steps.get(step)) is not None:
                window.add(table, -1)
        for step in range(window.after, after):
            if (table := self._steps.get(step)) is not None:
                window.add(table, 1)
        window.first, window.after = first, after
        return window.total

    def _begin(self, first: int, after: int, cells: int) -> Table:
        window = _Window(first, after, np.zeros((0, cells), dtype=np.int64))
        few = len(self._steps) < after - first
        steps = [s for s in self._steps if first <= s < after] if few else range(first, after)
        for step in steps:
            if (table := self._steps.get(step)) is not None:
                window.add(table, 1)
        if after - first not in self._windows and len(self._windows) >= MOST_WINDOWS:
            self._windows.pop(next(iter(self._windows)))
        self._windows[after - first] = window
        return window.total

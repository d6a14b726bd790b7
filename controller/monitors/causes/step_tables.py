"""Counts of fixed groups by step of time: dense tables that add up in any order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.int32]
Codes = NDArray[np.int64]


class StepTables:
    """A table of (groups, cells) per ``step_s`` seconds."""

    def __init__(self, step_s: int, groups: int, cells: int) -> None:
        self.step_s = step_s
        self._shape = (groups, cells)
        self._steps: dict[int, Table] = {}

    def add(self, step: int, table: NDArray[Any]) -> None:
        """Add what was counted in one step. Group 0, all rows, tells whether there is anything."""
        held = self._steps.get(step)
        if held is not None:
            held += table.astype(np.int32)
        elif table[0].any():
            self._steps[step] = table.astype(np.int32)

    def window(self, start_s: float, end_s: float) -> Codes:
        """Sum over the steps that begin in [start_s, end_s)."""
        found: Codes = self.series(start_s, end_s).sum(axis=0)
        return found

    def series(self, start_s: float, end_s: float) -> Codes:
        """The tables of `times`."""
        found = [self._steps[time // self.step_s] for time in self.times(start_s, end_s)]
        return np.array(found, np.int64).reshape(-1, *self._shape)

    def times(self, start_s: float, end_s: float) -> list[int]:
        """When steps begin that have counts and begin in [start_s, end_s), ascending."""
        return sorted(t for s in self._steps if start_s <= (t := s * self.step_s) < end_s)

    def merge(self, other: StepTables) -> None:
        for step, table in other._steps.items():
            self.add(step, table)

    def forget(self, before_s: float, after_s: float) -> None:
        """Drop steps that end before ``before_s`` or begin after ``after_s``."""
        first, last = before_s / self.step_s - 1.0, after_s / self.step_s
        for step in [s for s in self._steps if not first <= s <= last]:
            del self._steps[step]

    def snapshot(self) -> dict[str, NDArray[Any]]:
        tables = np.array(list(self._steps.values()), np.int32).reshape(-1, *self._shape)
        return {"steps": np.array(list(self._steps), np.int64), "tables": tables}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        steps, tables = arrays["steps"], arrays["tables"]
        if tables.shape != (steps.size, *self._shape) or tables.dtype != np.int32:
            raise ValueError("tables of groups are not in a shape this program writes")
        pairs = zip(steps.tolist(), tables, strict=True)
        self._steps = {step: table.copy() for step, table in pairs}

"""How requests of each model version and product feature fared: values that no setting names.

The version is that of the arm drawn, whoever answered in its place; without an attempt on it there
is none. Only answers are counted by them: the token of a click tells neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.monitors.causes.groups import Groups
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.slots import OVERFLOW, Slots, safe_label
from controller.monitors.system import columns

Codes = NDArray[np.int64]
VERSION, ROUTE = "model_version", "product_feature"


class OpenValues:
    """Counts by value, named ``COLUMN:VALUE``, in steps of two lengths."""

    def __init__(self, cells: int, quick_step_s: int, step_s: int) -> None:
        self.quick = Slots(cells, step_s=quick_step_s)
        self.requests = Slots(cells, step_s=step_s)

    def add(self, rows: BatchView, places: Codes, seconds: Codes, cells: Codes) -> None:
        """Count the rows at ``places``, with the second and the cell of each."""
        first = rows.part.start
        for names, codes in rows.made("causes.open_values", _labelled):
            mine = codes[first + places]
            known = slice(None) if not mine.size or mine.min() >= 0 else mine >= 0
            for slots in (self.quick, self.requests):
                slots.add(names, mine[known], seconds[known], cells[known])

    def names(self) -> list[str]:
        """Every value counted by itself."""
        return sorted({*self.quick.names(), *self.requests.names()} - {OVERFLOW})

    @staticmethod
    def series(slots: Slots, names: Sequence[str], times: Sequence[int]) -> Codes:
        """Counts of the steps that begin at ``times``, in shape (steps, names, cells)."""
        found = np.zeros((len(times), len(names), slots.cells), np.int64)
        rows = [slots.row_of(name) for name in names]
        known = [(place, row) for place, row in enumerate(rows) if row is not None]
        for at, time in enumerate(times):
            for _, table in slots.tables(time, time + slots.step_s):
                for place, row in known:
                    if row < len(table):
                        found[at, place] = table[row]
        return found

    def merge(self, other: OpenValues) -> None:
        self.quick.merge(other.quick)
        self.requests.merge(other.requests)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        return nested(quick=self.quick.snapshot(), requests=self.requests.snapshot())

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.quick.restore(unnested(arrays, "quick"))
        self.requests.restore(unnested(arrays, "requests"))


class WithOpenValues:
    """`Groups` with a group for each open value after the fixed ones."""

    def __init__(self, groups: Groups, names: Sequence[str]) -> None:
        self._groups, self._names = groups, names
        none = np.full((len(names), 2), -1, np.int64)
        self.parents = np.concatenate((groups.parents, none))
        own = [VERSION, ROUTE]
        after = len(groups.columns)
        opened = [after + own.index(name.partition(":")[0]) for name in names]
        self.column_of_values = np.concatenate(
            (groups.column_of_values, np.array(opened, np.int64))
        )
        self.may_be_new = np.arange(len(self.parents)) >= groups.count

    def name(self, group: int) -> str:
        if group < self._groups.count:
            return self._groups.name(group)
        column, _, value = self._names[group - self._groups.count].partition(":")
        return f"{column}={value}"

    def is_arm(self, group: int) -> bool:
        return self._groups.is_arm(group)


def _labelled(rows: BatchView) -> list[tuple[tuple[str, ...], Codes]]:
    """By column: names, and the code of each row of the slab; -1 for none."""
    return [
        (tuple(f"{column}:{safe_label(name)}" for name in names), codes)
        for column, (names, codes) in (
            (VERSION, _drawn_versions(rows)),
            (ROUTE, columns.routes(rows)),
        )
    ]


def _drawn_versions(rows: BatchView) -> tuple[tuple[str, ...], Codes]:
    tries, arm = columns.attempts(rows), rows.labels("arm")
    places = {name: place for place, name in enumerate(tries.arm.names)}
    drawn = columns.translated(arm, places, -2, -2)[tries.rows]
    names = tries.version.names
    is_named = np.array([*(name != "" for name in names), False])
    mine = (tries.arm.codes == drawn) & is_named[tries.version.codes]
    found = np.full(rows.row_count, -1, np.int64)
    found[tries.rows[mine]] = tries.version.codes[mine]
    return names, found

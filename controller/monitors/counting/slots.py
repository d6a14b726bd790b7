"""Integer counts by series, second and cell: what nearly every tally is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.events import Events, RowEvents
from controller.monitors.counting.placing import Placing
from controller.monitors.counting.running_windows import RunningWindows

OVERFLOW = "other"
"""The series that takes what the limit leaves without one of its own."""
MOST_SERIES = 64
MOST_STEPS_AT_ONCE = 4
"""A batch that spans more is counted second by second."""
MOST_LABELS = 4_096
"""Names of which it is remembered whether they fit as labels."""
_FIT_AS_LABEL = re.compile(r"[A-Za-z0-9_.:/\-]{1,128}")

Cells = NDArray[np.int64]


@lru_cache(MOST_LABELS)
def safe_label(name: str) -> str:
    """A name others sent, if it can be a label; else the overflow label."""
    return name if _FIT_AS_LABEL.fullmatch(name) else OVERFLOW


class Slots:
    """``cells`` counts per series and second (or per ``step_s`` seconds).

    ``first`` are names that always get a series of their own, since settings name them. The counts
    of one second are one table, a row per series there was then. Exact in any order while there are
    at most ``most_series`` names; beyond, the total is exact, and which names share `other` depends
    on which came first.
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
        self._rows: dict[str, int] = {}
        self._layout = object()
        """Stands for the rows there are; another one after every change of theirs."""
        self._steps: dict[int, Cells] = {}
        self._least = self._most = 0
        """Steps there are lie within; there need not be one at either end."""
        self._running = RunningWindows(self._steps)
        self._sizes: dict[int, list[int]] = {}
        """All cells of each series by step, where somebody asked and nothing changed since."""
        self._known: tuple[tuple[str, ...], Cells] = ((), np.zeros(0, np.int64))
        for name in first:
            self._rows.setdefault(name, len(self._rows))

    def names(self) -> list[str]:
        """Every series there is, also those without counts now."""
        return list(self._rows)

    def add(
        self,
        names: Sequence[str],
        codes: NDArray[np.int64],
        seconds: NDArray[np.int64],
        cells: NDArray[np.int64],
    ) -> None:
        """Count one event per element: series ``names[code]``, at that second, in that cell."""
        self.count(Events.all_of(tuple(names), codes, seconds, cells))

    def count(self, events: Events) -> None:
        """Count each event once."""
        start, end = events.start, events.end
        if start == end:
            return
        low, high = events.span_s()
        low, high = low // self.step_s, high // self.step_s
        if high - low >= MOST_STEPS_AT_ONCE:
            self._count_by_step(events)
            return
        if low == high and not events.is_part:
            self._count_in(low, self._counted(events))
            return
        placing = self._placing_of(events.whole) if events.is_part else None
        if placing is None:
            placing = self._placed(events, self._rows_of(events))
            start, end = 0, end - start
        tables = placing.counted(start, end, low, high).reshape(high - low + 1, -1, self.cells)
        for place, table in enumerate(tables):
            self._count_in(low + place, table)

    def _counted(self, events: Events) -> Cells:
        """Counts of all the events, whenever they were."""
        if len(events.names) == 1:
            row, flat = self._rows[self.series_of(events.names[0])], events.cells
            counts = np.bincount(flat, minlength=self.cells)
            if len(self._rows) == 1:
                return counts.reshape(1, -1)
            table = np.zeros((len(self._rows), self.cells), dtype=np.int64)
            table[row] = counts
            return table
        flat = self._rows_of(events) * self.cells
        flat += events.cells
        counts = np.bincount(flat, minlength=len(self._rows) * self.cells)
        return counts.reshape(-1, self.cells)

    def _count_by_step(self, events: Events) -> None:
        """Without a table for every step between."""
        flat = self._rows_of(events) * self.cells + events.cells
        steps, size = events.seconds // self.step_s, len(self._rows) * self.cells
        for step in np.unique(steps).tolist():
            counts = np.bincount(flat[steps == step], minlength=size)
            self._count_in(step, counts.reshape(-1, self.cells))

    def _placing_of(self, whole: RowEvents) -> Placing | None:
        """Of a whole slab, whose series must all be there: a later part may bring the first event
        of one, and until then nobody may see it."""
        try:
            return whole.placings[self._layout]
        except KeyError:
            known = np.array([self._rows.get(n, -1) for n in (*whole.names, "")], np.int64)
            rows = known[whole.codes]
            every = Events(whole, 0, rows.size, None)
            placing = self._placed(every, rows) if rows.min() >= 0 else None
            whole.placings[self._layout] = placing
            return placing

    def _placed(self, events: Events, rows: Cells) -> Placing:
        steps = events.seconds if self.step_s == 1 else events.seconds // self.step_s
        return Placing.of(steps, rows * self.cells + events.cells, len(self._rows) * self.cells)

    def add_tables(self, names: tuple[str, ...], tables: Sequence[tuple[int, Cells]]) -> None:
        """Add what others counted: (step, counts of each of the names) of some steps.

        A name is a series from its first count on, as in `count`.
        """
        if not tables:
            return
        there = np.any([table.any(axis=1) for _, table in tables], axis=0)
        known = self._rows_known(names)
        if there[known[:-1] < 0].any():
            for code in np.flatnonzero(there & (known[:-1] < 0)).tolist():
                known[code] = self._rows[self.series_of(names[code])]
        mine = np.flatnonzero(there)
        rows = known[mine]
        for step, table in tables:
            self._count_in(step, self._moved(table[mine], rows))

    def _moved(self, table: Cells, rows: Cells) -> Cells:
        """A table of all series, that holds each row of another table at one of ``rows``."""
        moved = np.zeros((len(self._rows), self.cells), dtype=np.int64)
        if len(set(rows.tolist())) == rows.size:
            moved[rows] = table
        else:  # two may share the overflow
            np.add.at(moved, rows, table)
        return moved

    def _count_in(self, step: int, table: Cells) -> None:
        """Add what was counted in one second, a row for each series."""
        held = self._steps.get(step)
        if held is None:
            if not table.any():
                return
            if not self._steps:
                self._least = self._most = step
            self._least, self._most = min(self._least, step), max(self._most, step)
            self._steps[step] = table.copy()
        else:
            if len(held) < len(table):
                held = self._steps[step] = grown(held, len(table))
            if len(held) > len(table):
                held = held[: len(table)]
            held += table
        self._running.add(step, table)
        self._sizes.pop(step, None)

    def _rows_of(self, events: Events) -> Cells:
        """The row of each event's series; a series is made when its first event comes."""
        known = self._rows_known(events.names)
        rows = known.take(events.codes, mode="wrap")  # code -1 picks the last place
        if np.minimum.reduce(rows) < 0:
            for code in np.unique(events.codes[rows < 0]).tolist():
                known[code] = self._rows[self.series_of(events.names[code])]
            rows = known[events.codes]
        return rows

    def _rows_known(self, names: tuple[str, ...]) -> Cells:
        """The row of each name, and of nobody's code -1; -1: none yet."""
        held, known = self._known
        if held != names:
            known = np.array([self._rows.get(n, -1) for n in (*names, "")], np.int64)
            self._known = (names, known)
        return known

    def series_of(self, name: str) -> str:
        """The series a name is counted in: its own, or the overflow beyond the limit."""
        if name not in self._rows:
            full = len(self._rows) >= self._most_series
            name = OVERFLOW if full else safe_label(name)
            if name not in self._rows:
                self._rows[name] = len(self._rows)
                self._layout = object()
        return name

    def bump(self, name: str, second: int, amount: int) -> None:
        """Change the count of cell 0 by so much."""
        row = self._rows[self.series_of(name)]
        table = np.zeros((row + 1, self.cells), dtype=np.int64)
        table[row, 0] = amount
        self._count_in(second // self.step_s, table)

    def window(self, name: str, start_s: float, end_s: float) -> Cells:
        """Counts over the seconds from ``start_s`` until before ``end_s``."""
        total, row = self.windows(start_s, end_s), self._rows.get(name)
        if row is None or row >= len(total):
            return np.zeros(self.cells, dtype=np.int64)
        found: Cells = total[row].copy()
        return found

    def windows(self, start_s: float, end_s: float) -> Cells:
        """The same for all series at once: a row for each that has counts, and some without.

        Belongs to this object; good until the next change.
        """
        first, after = self._span(start_s, end_s)
        return self._running.between(first, after, self.cells)

    def total(self, start_s: float, end_s: float) -> int:
        """All counts of a window that nobody asks for again, nor for its like."""
        return sum(int(table.sum()) for _, table in self.tables(start_s, end_s))

    def _span(self, start_s: float, end_s: float) -> tuple[int, int]:
        return int(start_s // self.step_s), int(-(-end_s // self.step_s))

    def between(self, name: str, start_s: float, end_s: float) -> list[tuple[int, Cells]]:
        """(second, counts) of the slots that are not empty, ascending."""
        row = self._rows.get(name)
        if row is None:
            return []
        return [
            (second, table[row])
            for second, table in self.tables(start_s, end_s)
            if row < len(table) and table[row].any()
        ]

    def sizes(self, name: str, start_s: float, end_s: float) -> list[int]:
        """How much was counted in each slot of `between`."""
        row = self._rows.get(name)
        if row is None:
            return []
        found = [sizes[row] for sizes in self._sizes_of(start_s, end_s) if row < len(sizes)]
        return [size for size in found if size]

    def _sizes_of(self, start_s: float, end_s: float) -> Iterator[list[int]]:
        known, first_after = self._sizes, self._span(start_s, end_s)
        for step in range(*first_after):
            if step in self._steps:
                if step not in known:
                    known[step] = self._steps[step].sum(axis=1).tolist()
                yield known[step]

    def tables(self, start_s: float, end_s: float) -> Iterator[tuple[int, Cells]]:
        """(second, counts of all series) ascending, a row per series there was then."""
        first, after = self._span(start_s, end_s)
        if len(self._steps) < after - first:
            steps: Sequence[int] = sorted(s for s in self._steps if first <= s < after)
        else:
            steps = range(first, after)
        return ((s * self.step_s, self._steps[s]) for s in steps if s in self._steps)

    def row_of(self, name: str) -> int | None:
        """The series' row in `tables` and `windows`."""
        return self._rows.get(name)

    def forget(self, before_s: float, after_s: float) -> None:
        """Drop slots that end before ``before_s`` or start after ``after_s``."""
        first, last = math.floor(before_s / self.step_s), math.floor(after_s / self.step_s)
        if not self._steps or (self._least >= first and self._most <= last):
            return
        if self._most > last or first - self._least > len(self._steps):
            gone = [step for step in self._steps if not first <= step <= last]
        else:
            gone = [step for step in range(self._least, first) if step in self._steps]
        for step in gone:
            self._running.remove(step, self._steps.pop(step))
            self._sizes.pop(step, None)
        self._least, self._most = max(self._least, first), min(self._most, last)

    def merge(self, other: Slots) -> None:
        """Add another's counts; raise ValueError when its layout differs."""
        if (other.cells, other.step_s) != (self.cells, self.step_s):
            raise ValueError("slots of different layouts cannot be merged")
        counted = np.zeros(len(other._rows), dtype=np.bool_)
        for table in other._steps.values():
            counted[: len(table)] |= table.any(axis=1)
        names = list(other._rows)
        theirs = np.flatnonzero(counted)
        mine = np.array([self._rows[self.series_of(names[row])] for row in theirs], np.int64)
        for step, table in other._steps.items():
            there = theirs < len(table)
            self._count_in(step, self._moved(table[theirs[there]], mine[there]))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Sparse: one entry per non-zero cell."""
        found: list[NDArray[np.int64]] = []
        for step, table in self._steps.items():
            places, cells = np.nonzero(table)
            steps = np.full(places.size, step, dtype=np.int64)
            found.append(np.vstack([places, steps, cells, table[places, cells]]))
        entries = np.hstack(found) if found else np.zeros((4, 0), dtype=np.int64)
        # By series, as every release wrote it.
        entries = entries[:, np.argsort(entries[0], kind="stable")]
        return {"names": np.array(list(self._rows), dtype=np.str_), "counts": entries}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted; names of settings stay. Raise KeyError or ValueError."""
        names, entries = arrays["names"].tolist(), arrays["counts"]
        if entries.dtype != np.int64 or entries.ndim != 2 or entries.shape[0] != 4:
            raise ValueError("slots are not in a shape this program writes")
        if entries.size and not np.isin(entries[2], np.arange(self.cells)).all():
            raise ValueError("slots have other cells than this program's")
        every = [*self._rows, *(str(name) for name in names)]
        self._rows = {name: row for row, name in enumerate(dict.fromkeys(every))}
        self._layout = object()
        self._steps.clear()
        self._running.clear()
        self._sizes.clear()
        self._known = ((), np.zeros(0, np.int64))
        for place, step, cell, count in entries.T.tolist():
            table = self._steps.get(step)
            if table is None:
                table = self._steps[step] = np.zeros((len(self._rows), self.cells), np.int64)
            table[self._rows[self.series_of(str(names[place]))], cell] += count
        self._least, self._most = min(self._steps, default=0), max(self._steps, default=0)


def grown(table: Cells, rows: int) -> Cells:
    """With empty rows added, for series that came later."""
    wider = np.zeros((rows, table.shape[1]), dtype=np.int64)
    wider[: len(table)] = table
    return wider

"""Which groups of rows there are: all, each value of each column, and products of two values.

Columns are the arm and the service's segment columns; settings name their values, and what they do
not name (or is null) is `other`. The groups are fixed by the settings, so counts of them are plain
tables that add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.batch_view import BatchView
from controller.settings import Settings
from controller.telemetry.schema import SEGMENT_PREFIX

Codes = NDArray[np.int64]

ARM = "arm"
OTHER = "other"
MOST_COLUMNS = 8
"""Segment columns, in the order of the settings; the rest is left out."""
MOST_VALUES = 16
"""Of one column; the rest is `other`."""
PIECE_ROWS = 4_096
"""Rows that are counted at once, so that their bits stay near the processor."""
MOST_GROUPS = 2_048
"""Products of the columns with most values are left out beyond this."""


@dataclass(frozen=True)
class Groups:
    """Group 0 is all rows. ``starts[c]`` is the group of the first value of column ``c``.

    ``pairs`` are the columns multiplied, ``pair_starts`` the group of the first product of each.
    """

    columns: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    starts: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    pair_starts: tuple[int, ...]
    count: int

    @classmethod
    def of(cls, settings: Settings) -> Groups:
        named = [(ARM, tuple(settings.arms)), *list(settings.segments.items())[:MOST_COLUMNS]]
        values = tuple((*each[:MOST_VALUES], OTHER) for _, each in named)
        starts, count = [], 1
        for each in values:
            starts.append(count)
            count += len(each)
        sizes = {pair: _size(values, pair) for pair in combinations(range(len(values)), 2)}
        pairs, pair_starts = [], []
        for pair in sorted(sizes, key=lambda p: (sizes[p], p)):
            if count + sizes[pair] > MOST_GROUPS:
                break
            pairs.append(pair)
            pair_starts.append(count)
            count += sizes[pair]
        columns = tuple(name for name, _ in named)
        return cls(columns, values, tuple(starts), tuple(pairs), tuple(pair_starts), count)

    def codes(self, rows: BatchView) -> NDArray[np.uint8]:
        """The place of each row's value in each column, in shape (rows, columns)."""
        found = np.empty((len(self.columns), rows.row_count), np.uint8)
        there = set(rows.batch.schema.names)
        for column, known, codes in zip(self.columns, self._places, found, strict=True):
            name = column if column == ARM else f"{SEGMENT_PREFIX}{column}"
            last = known[OTHER]
            if name not in there:
                codes[:] = last
                continue
            labels = rows.labels(name)
            # Code -1, null, picks the last place.
            table = [*(known.get(each, last) for each in labels.names), last]
            np.array(table, np.uint8).take(labels.codes, out=codes, mode="wrap")
        return found.T

    @cached_property
    def _places(self) -> tuple[dict[str, int], ...]:
        """By column: the place of each of its values."""
        return tuple({value: at for at, value in enumerate(each)} for each in self.values)

    def of_codes(self, codes: NDArray[np.uint8]) -> Codes:
        """Every group each row is of, in shape (1 + columns + pairs, rows); the first is 0."""
        wide = codes.T.astype(np.int64, order="C")
        found = np.empty((1 + len(self.columns) + len(self.pairs), len(codes)), np.int64)
        found[0] = 0
        after = 1 + len(self.columns)
        starts, left, right, sizes, pair_starts = self._layout
        np.add(wide, starts, out=found[1:after])
        products = found[after:]
        np.multiply(wide[left], sizes, out=products)
        products += wide[right]
        products += pair_starts
        return found

    def counts(self, codes: NDArray[np.uint8], cells: Codes, many: int) -> Codes:
        """Of rows with these ``codes``, how many each group has in each of ``many`` cells.

        Rows are bits: a value is a set of rows, a product the intersection of two, and 64 rows
        are counted by one instruction.
        """
        found = np.zeros((self.count, many), np.int64)
        for start in range(0, len(codes), PIECE_ROWS):
            self._count_piece(found, codes[start : start + PIECE_ROWS], cells[start:])
        return found

    def _count_piece(self, found: Codes, codes: NDArray[np.uint8], cells: Codes) -> None:
        columns, values, left, right = self._bits_layout
        rows, cells = len(codes), cells[: len(codes)]
        sets = np.zeros((1 + values.size, -(-rows // 64) * 64), np.bool_)
        sets[0, :rows] = True
        np.equal(codes.T[columns], values[:, None], out=sets[1:, :rows])
        words = np.packbits(sets, axis=1).view(np.uint64)
        both = words[left] & words[right]
        there = np.flatnonzero(np.bincount(cells, minlength=found.shape[1])).tolist()
        for cell in there:
            if len(there) > 1:
                sets[0, :rows] = cells == cell
                mine = both & np.packbits(sets[0]).view(np.uint64)
            else:
                mine = both
            found[:, cell] += np.bitwise_count(mine).sum(axis=1, dtype=np.int64)

    @cached_property
    def _bits_layout(self) -> tuple[Codes, NDArray[np.uint8], Codes, Codes]:
        """The column and the place of each value; the two sets, of all rows (0) and of the values
        (from 1), whose intersection each group is."""
        sizes = [len(each) for each in self.values]
        columns = np.repeat(np.arange(len(sizes)), sizes)
        values = np.concatenate([np.arange(size, dtype=np.uint8) for size in sizes])
        own = np.arange(1 + values.size)
        left, right = self.parents[own.size :].T
        return columns, values, np.concatenate((own, left)), np.concatenate((own, right))

    @cached_property
    def _layout(self) -> tuple[Codes, ...]:
        """Starts of columns; of each pair its columns, the size of the right one, its start."""
        left, right = np.array(self.pairs, np.int64).reshape(-1, 2).T
        sizes = np.array([len(each) for each in self.values])[right]
        starts, pair_starts = np.array(self.starts), np.array(self.pair_starts, np.int64)
        return starts[:, None], left, right, sizes[:, None], pair_starts[:, None]

    @cached_property
    def parents(self) -> Codes:
        """The two values' groups that each group is the product of; -1 for those that are none."""
        found = np.full((self.count, 2), -1, np.int64)
        for (left, right), start in zip(self.pairs, self.pair_starts, strict=True):
            many = len(self.values[right])
            size = len(self.values[left]) * many
            found[start : start + size, 0] = self.starts[left] + np.arange(size) // many
            found[start : start + size, 1] = self.starts[right] + np.arange(size) % many
        return found

    @cached_property
    def column_of_values(self) -> Codes:
        """The column of each group that is a value; -1 for the others."""
        found = np.full(self.count, -1, np.int64)
        for column, (start, values) in enumerate(zip(self.starts, self.values, strict=True)):
            found[start : start + len(values)] = column
        return found

    def name(self, group: int) -> str:
        """``platform=ios``, ``country=br & platform=ios``, or ``all requests``."""
        if group == 0:
            return "all requests"
        parents = [g for g in self.parents[group].tolist() if g >= 0] or [group]
        return " & ".join(sorted(self._value(each) for each in parents))

    def is_arm(self, group: int) -> bool:
        """Whether it is all requests of one arm."""
        return self.starts[0] <= group < self.starts[0] + len(self.values[0])

    def _value(self, group: int) -> str:
        column = max(c for c, start in enumerate(self.starts) if start <= group)
        return f"{self.columns[column]}={self.values[column][group - self.starts[column]]}"


def _size(values: Sequence[Sequence[str]], pair: tuple[int, int]) -> int:
    return len(values[pair[0]]) * len(values[pair[1]])

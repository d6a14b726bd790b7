"""Counts of whole columns in the quantile bins of a kept reference, at a few nanoseconds a value.

Edges are snapped onto a uniform grid between the outermost two, so that a value's place is one
multiplication and one cast, in pieces that fit a processor's cache, and bins are sums of
neighbouring grid cells. An edge moves by at most half a grid cell, 1/8,192 of the outermost edges'
distance; the reference is counted with the snapped edges too, so nothing is biased: bins are only
not quite equally full. Where that would change a bin's share by more than `MOST_DISTORTION` (heavy
tails, ties) the exact edges stay and `numpy.searchsorted` counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

GRID_CELLS = 4_096
"""32 kB of counts: what a first-level cache holds."""
PIECE_VALUES = 32_768
MOST_DISTORTION = 0.1
"""Of a bin's share. Normal columns in 128 bins: 0.03 at most."""


@dataclass(frozen=True)
class ColumnBins:
    """``counts``: the reference's, a bin each, then null (NaN) and infinite.

    Bin i holds (edges[i-1], edges[i]]. ``firsts`` are the grid cells at which bins begin, None
    where the grid does not fit. A value within rounding (1e-12 of the outermost edges' distance)
    of a snapped edge may fall on either side of it.
    """

    edges: Floats
    counts: Counts
    firsts: Counts | None

    @classmethod
    def fit(cls, values: Floats, bins: int = 128) -> ColumnBins:
        """Cut a reference column into about equally full bins.

        Raise ValueError when no value is finite or there are fewer than 2 bins.
        """
        if bins < 2:
            raise ValueError(f"a column is cut into 2 bins or more, not {bins}")
        finite = np.sort(values[np.isfinite(values)])
        if not finite.size:
            raise ValueError("a reference column needs finite values")
        edges = np.unique(np.quantile(finite, np.arange(1, bins) / bins))
        upto = finite.searchsorted(edges, side="right")
        snapped, firsts = _snapped(edges)
        if firsts is not None:
            moved = finite.searchsorted(snapped, side="right")
            exact, found = np.diff(upto, prepend=0), np.diff(moved, prepend=0)
            if np.abs(exact - found).max() <= MOST_DISTORTION * finite.size / bins:
                bare = cls(snapped, np.zeros(0, np.int64), firsts)
                return cls(snapped, bare.count(values), firsts)
        bare = cls(edges, np.zeros(0, np.int64), None)
        return cls(edges, bare.count(values), None)

    def count(self, values: Floats) -> Counts:
        """Counts of a column in the same layout as the reference's."""
        found = np.zeros(self.edges.size + 3, dtype=np.int64)
        for start in range(0, values.size, PIECE_VALUES):
            found += self._count_piece(values[start : start + PIECE_VALUES])
        return found

    def _count_piece(self, values: Floats) -> Counts:
        bins = self.edges.size + 1
        found = np.zeros(bins + 2, dtype=np.int64)
        # One sum tells whether every value is finite; if it overflows the slow path is right too.
        with np.errstate(over="ignore", invalid="ignore"):
            total = np.add.reduce(values)
        if not np.isfinite(total):
            nulls = np.isnan(values)
            finite = values[np.isfinite(values)]
            found[bins] = np.count_nonzero(nulls)
            found[bins + 1] = values.size - finite.size - found[bins]
            values = finite
        if self.firsts is None:
            places = self.edges.searchsorted(values, side="left")
            found[:bins] = np.bincount(places, minlength=bins)
        else:
            found[:bins] = np.add.reduceat(self._grid_counts(values), self.firsts)
        return found

    def _grid_counts(self, values: Floats) -> Counts:
        """Ascending, with a cell for all at or below the first edge and one for all above the last.

        Counted downwards, so that a cell holds its upper end as bins do.
        """
        low, high = self.edges.item(0), self.edges.item(-1)
        per_unit = GRID_CELLS / (high - low)
        places = np.multiply(values, -per_unit)
        places += 1.0 + high * per_unit
        np.clip(places, 0.0, GRID_CELLS + 1.0, out=places)
        counts = np.bincount(places.astype(np.int64), minlength=GRID_CELLS + 2)
        return counts[::-1]


def count_columns(references: Sequence[ColumnBins], columns: Sequence[Floats]) -> list[Counts]:
    """Counts of each column beside its reference's bins; each column contiguous."""
    return [bins.count(column) for bins, column in zip(references, columns, strict=True)]


def _snapped(edges: Floats) -> tuple[Floats, Counts | None]:
    """The edges on the grid and the grid cell at which each bin begins; None where two would meet
    or the grid's numbers overflow."""
    low, high = float(edges[0]), float(edges[-1])
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        cell = (high - low) / GRID_CELLS
        offset = high / cell if cell else np.inf
    # Beyond this offset a float's last bit is no longer small beside a cell.
    if edges.size < 2 or not np.isfinite(cell) or not abs(offset) < 2.0**32:
        return edges, None
    places = np.rint((edges - low) / cell).astype(np.int64)
    if np.any(np.diff(places) <= 0):
        return edges, None
    snapped = (low + places * cell).astype(np.float64)
    firsts: Counts = np.concatenate((np.zeros(1, np.int64), places + 1))
    return snapped, firsts

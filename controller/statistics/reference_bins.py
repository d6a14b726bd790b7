"""The cells a feature's values are counted in, made of what its model's training data looked like.

Eight bins (or a code's values), then one cell each for null, infinite and never seen in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.statistics.drift_distance import knots_of

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

DECISION_BINS = 8
"""More bins only dilute the test (32 bins: 85 instead of 95 % power at 1,000 dependent rows)."""
CELLS = DECISION_BINS + 3
NULL_CELL = DECISION_BINS
INFINITE_CELL = DECISION_BINS + 1
UNSEEN_CELL = DECISION_BINS + 2
MOST_CATEGORIES = 64


@dataclass(frozen=True)
class ReferenceBins:
    """Bins cut at the reference's quantiles, then cells for null, infinite and unseen.

    ``counts`` has `CELLS` entries; bin i holds values in (edges[i-1], edges[i]], and bins beyond
    ``len(edges)`` stay empty. ``covariance`` (`CELLS` x `CELLS`) is the long-run covariance per row
    of the cells' indicators, None where nobody measured it. ``categories`` are all values of an
    input that is a code, ascending; None for a number. ``knots`` and ``quartile_range`` are those
    of `drift_distance.knots_of`, the knots padded to `DECISION_BINS` + 1 by repeating the last.
    """

    edges: Floats
    counts: Counts
    covariance: Floats | None = None
    categories: Floats | None = None
    quartile_range: float = 0.0
    knots: Floats | None = None

    @classmethod
    def of(
        cls,
        edges: Floats,
        counts: NDArray[np.int64],
        null_count: int,
        covariance: Floats | None = None,
        categories: Floats | None = None,
    ) -> ReferenceBins:
        """Join fine bins into at most `DECISION_BINS` of about equal counts.

        ``covariance`` is that of the fine bins and null, row by row or square. Raise ValueError
        unless edges ascend and there is one count more than edges, none negative, the covariance
        is of that size and finite, and categories ascend.
        """
        edges, counts = np.asarray(edges, np.float64), np.asarray(counts, np.int64)
        if counts.size != edges.size + 1 or counts.min() < 0 or null_count < 0:
            raise ValueError("reference bins need one count more than edges, none negative")
        if counts.sum() + null_count == 0:
            raise ValueError("reference bins need rows in them")
        if not np.isfinite(edges).all() or np.any(np.diff(edges) <= 0):
            raise ValueError("reference edges must be finite and ascend")
        categories = _checked(categories)
        if categories is not None and counts.size <= DECISION_BINS:
            kept = np.arange(edges.size)
        else:
            upto = np.cumsum(counts)[:-1]
            marks = np.arange(1, DECISION_BINS) / DECISION_BINS * counts.sum()
            kept = np.unique(np.abs(upto[:, None] - marks).argmin(axis=0)) if upto.size else upto
        groups = np.searchsorted(kept, np.arange(counts.size), side="left")
        cells = np.zeros(CELLS, dtype=np.int64)
        np.add.at(cells, groups, counts)
        cells[NULL_CELL] = null_count
        knots, quartile_range = knots_of(edges, counts)
        if quartile_range > 0.0:
            knots = np.concatenate((knots[:1], edges[kept], knots[-1:]))
        padded = np.resize(knots, DECISION_BINS + 1)
        padded[knots.size :] = knots[-1]
        joined = _joined(covariance, np.append(groups, NULL_CELL))
        return cls(edges[kept], cells, joined, categories, quartile_range, padded)

    def cells_of(self, values: Floats) -> NDArray[np.int64]:
        """The cell of each value; NaN is null."""
        table = ReferenceTable({"": self})
        return table.cells_of(np.zeros(values.size, np.int64), np.asarray(values, np.float64))


def _checked(categories: Floats | None) -> Floats | None:
    if categories is None or len(categories) == 0:
        return None
    found = np.asarray(categories, np.float64)
    if not np.isfinite(found).all() or np.any(np.diff(found) <= 0):
        raise ValueError("reference categories must be finite and ascend")
    if found.size > MOST_CATEGORIES:
        raise ValueError(f"a reference with more than {MOST_CATEGORIES} categories is no code's")
    return found


def _joined(covariance: Floats | None, groups: Counts) -> Floats | None:
    """The covariance of sums of indicators."""
    if covariance is None or np.size(covariance) == 0:
        return None
    given = np.asarray(covariance, np.float64)
    if given.size != groups.size**2 or not np.isfinite(given).all():
        raise ValueError("reference covariance must be that of bins and null, and finite")
    taken = np.zeros((CELLS, groups.size))
    taken[groups, np.arange(groups.size)] = 1.0
    joined: Floats = taken @ given.reshape(groups.size, groups.size) @ taken.T
    return joined


class ReferenceTable:
    """References of many features, stacked, so that all are looked up at once.

    ``names[i]`` is the feature of row i.
    """

    def __init__(self, features: Mapping[str, ReferenceBins]) -> None:
        self.names = tuple(features)
        self.rows = {name: row for row, name in enumerate(self.names)}
        every = tuple(features.values())
        many = len(every)
        self.counts = np.array([b.counts for b in every], np.int64).reshape(many, CELLS)
        self.quartile_ranges = np.array([b.quartile_range for b in every], np.float64)
        flat = np.zeros(DECISION_BINS + 1)
        self.knots = np.array([flat if b.knots is None else b.knots for b in every]).reshape(
            many, DECISION_BINS + 1
        )
        self._edges = np.full((many, DECISION_BINS), np.inf)
        self.is_coded = np.array([b.categories is not None for b in every], np.bool_)
        widest = max((b.categories.size for b in every if b.categories is not None), default=0)
        # A power of two less one, and one place more, so that halving finds every place.
        self._halvings = max(widest, 1).bit_length()
        self._codes = np.full((many, 1 << self._halvings), np.inf)
        for row, bins in enumerate(every):
            self._edges[row, : bins.edges.size] = bins.edges
            if bins.categories is not None:
                self._codes[row, : bins.categories.size] = bins.categories

    def cells_of(self, rows: NDArray[np.int64], values: Floats) -> NDArray[np.int64]:
        """The cell of each value of the feature in that row of the table; NaN is null."""
        cells = _place(self._edges.reshape(-1), 3, rows, values)
        self._finish(cells, rows, values)
        return cells

    def cells_of_table(self, values: Floats) -> NDArray[np.int8]:
        """The same for values in shape (features, many), a row for each feature of the table."""
        cells = np.zeros(values.shape, dtype=np.int8)
        for place in range(DECISION_BINS - 1):
            cells += (values > self._edges[:, place, np.newaxis]).view(np.int8)
        with np.errstate(over="ignore", invalid="ignore"):
            total = np.add.reduce(values, axis=None)
        if self.is_coded.any() or not np.isfinite(total):
            rows = np.repeat(np.arange(len(values)), values.shape[1])
            self._finish(cells.reshape(-1), rows, values.reshape(-1))
        return cells

    def _finish(
        self, cells: NDArray[np.int64] | NDArray[np.int8], rows: Counts, values: Floats
    ) -> None:
        """Put what is in no bin into its cell."""
        if self.is_coded.any():
            mine = np.flatnonzero(self.is_coded[rows])
            own_rows, own = rows[mine], values[mine]
            places = _place(self._codes.reshape(-1), self._halvings, own_rows, own)
            cells[mine[self._codes[own_rows, places] != own]] = UNSEEN_CELL
        finite = np.isfinite(values)
        if not finite.all():
            cells[~finite] = np.where(np.isnan(values[~finite]), NULL_CELL, INFINITE_CELL)


def _place(
    sorted_: Floats, halvings: int, rows: NDArray[np.int64], values: Floats
) -> NDArray[np.int64]:
    """How many of a row's entries lie below each value: all rows and values by halving at once.

    Each row of ``sorted_`` is 2**halvings entries long, the last of them infinite.
    """
    starts = rows << halvings
    at = starts.copy()
    for step in (1 << n for n in reversed(range(halvings))):
        at += step * (sorted_.take(at + (step - 1)) < values)
    at -= starts
    return at

"""One arm's inputs in one window against what its model was trained on; tests only what matters."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.slots import Slots, grown
from controller.monitors.data.drift_hours import HourlyCounts
from controller.monitors.data.drift_inputs import ArmReference
from controller.statistics.drift import (
    LEAST_PSI,
    LEAST_ROWS,
    discoveries,
    is_enough,
    is_told,
    joined_ends,
    p_values,
)
from controller.statistics.drift_distance import (
    kolmogorov_smirnovs,
    population_stability_indices,
    wassersteins,
)
from controller.statistics.reference_bins import CELLS, DECISION_BINS, NULL_CELL, UNSEEN_CELL

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

WEEK_S = 7 * 24 * 3_600


class DriftComparison:
    """``rows`` and all effects by the place of a feature in ``reference.names``.

    ``level``: the chance of a false decision that one look may take.
    """

    def __init__(
        self,
        reference: ArmReference,
        counts: Slots,
        hours: HourlyCounts,
        window: tuple[float, float],
        level: float,
    ) -> None:
        self.reference = reference
        self._counts = counts
        self._hours = hours
        self._window = window
        self._level = level
        self._totals = self._placed(counts.windows(*window))
        self.rows: Counts = self._totals.sum(axis=1)

    @cached_property
    def psi(self) -> Floats:
        """Computed when asked for: `shifted` does not while there are too few rows for a test."""
        return population_stability_indices(self.reference.table.counts, self._totals)

    @cached_property
    def ks(self) -> Floats:
        return kolmogorov_smirnovs(self.reference.table.counts, self._totals)

    @cached_property
    def wasserstein(self) -> Floats:
        """In interquartile ranges of the reference; NaN where it has none."""
        table = self.reference.table
        bins = slice(0, DECISION_BINS)
        known = table.counts[:, bins], self._totals[:, bins]
        return wassersteins(table.knots, table.quartile_ranges, *known)

    @cached_property
    def null_rate(self) -> Floats:
        return self._totals[:, NULL_CELL] / np.maximum(self.rows, 1)

    @cached_property
    def unseen_rate(self) -> Floats:
        return self._totals[:, UNSEEN_CELL] / np.maximum(self.rows, 1)

    @cached_property
    def psi_last_week(self) -> Floats:
        """Against the hour a week before the window's middle; NaN where it had too few rows."""
        past = self._hours.at(sum(self._window) / 2.0 - WEEK_S)
        psi = population_stability_indices(past, self._totals)
        return np.where(past.sum(axis=1) >= LEAST_ROWS, psi, np.nan)

    @cached_property
    def shifted(self) -> int | None:
        """How many features moved; None when none has enough rows for a test.

        A feature below the least effect never counts, so where all are nothing need be tested.
        """
        enough = np.flatnonzero(self.rows >= LEAST_ROWS)
        if not enough.size:
            return None
        if not (self.psi[enough] >= LEAST_PSI).any():
            return 0 if self._is_testable(enough) else None
        tested = self._p_values(enough)
        if not tested:
            return None
        moved = discoveries(tested, self._level)
        return sum(self.psi.item(self.reference.table.rows[name]) >= LEAST_PSI for name in moved)

    def _is_testable(self, places: Counts) -> bool:
        """Whether there would be a p-value of any of them."""
        null = self.reference.null
        if is_told(null, places, self.rows[places]).any():
            return True
        names = (self.reference.names[place] for place in places.tolist())
        return any(is_enough(self._counts.sizes(name, *self._window)) for name in names)

    def _p_values(self, places: Counts) -> dict[str, float]:
        """By name, where something can be said; features whose rows came alike at once."""
        names = self.reference.names
        blocks = self._blocks(places)
        sizes = blocks.sum(axis=2)
        alike: dict[bytes, list[int]] = {}
        for n in range(places.size):
            alike.setdefault(sizes[:, n].tobytes(), []).append(n)
        found: dict[str, float] = {}
        for some in alike.values():
            mine = sizes[:, some[0]]
            held = mine[mine > 0].tolist()
            starts = [0, *joined_ends(held)[:-1]] if is_enough(held) else [0]
            joined = np.add.reduceat(blocks[mine > 0][:, some], starts, axis=0)
            counts = self.reference.table.counts[places[some]]
            each = p_values(self.reference.null, places[some], counts, joined.transpose(1, 0, 2))
            named = zip((names[p] for p in places[some].tolist()), each.tolist(), strict=True)
            found.update((name, value) for name, value in named if value == value)
        return found

    def _blocks(self, places: Counts) -> Counts:
        """Counts in shape (slots, features, cells), in time order."""
        names = (self.reference.names[place] for place in places.tolist())
        rows = [row for name in names if (row := self._counts.row_of(name)) is not None]
        most = max(rows) + 1
        tables = [table for _, table in self._counts.tables(*self._window)]
        wide = [table if len(table) >= most else grown(table, most) for table in tables]
        return np.array([table[rows] for table in wide], dtype=np.int64)

    def _placed(self, table: Counts) -> Counts:
        """Counts of each feature in shape (features, cells), 0 where the table has none."""
        names = self.reference.names
        found = np.zeros((len(names), CELLS), dtype=np.int64)
        rows = [self._counts.row_of(name) for name in names]
        known = [(n, row) for n, row in enumerate(rows) if row is not None and row < len(table)]
        if known:
            places, mine = zip(*known, strict=True)
            found[list(places)] = table[list(mine)]
        return found

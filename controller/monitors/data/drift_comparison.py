"""One arm's inputs in one window against what its model was trained on; tests only what matters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.slots import Slots, grown
from controller.statistics.drift import (
    CELLS,
    LEAST_PSI,
    LEAST_ROWS,
    ReferenceBins,
    discoveries,
    is_enough,
    joined_ends,
    population_stability_indices,
    rao_scott_p_values,
)


class DriftComparison:
    """``rows`` and ``psi`` by feature, of those that had input rows in the window."""

    def __init__(
        self,
        features: Mapping[str, ReferenceBins],
        counts: Slots,
        window: tuple[float, float],
    ) -> None:
        self._features = features
        self._counts = counts
        self._window = window
        totals = counts.windows(*window)
        places = [(name, counts.row_of(name)) for name in features]
        known = [(name, row) for name, row in places if row is not None and row < len(totals)]
        self._names = [name for name, _ in known]
        self._totals = totals[[row for _, row in known]].reshape(-1, CELLS)
        sizes = self._totals.sum(axis=1).tolist()
        self.rows = {name: size for name, size in zip(self._names, sizes, strict=True) if size}

    @cached_property
    def psi(self) -> dict[str, float]:
        """Computed when asked for: `shifted` does not while there are too few rows for a test."""
        counts = [self._features[name].counts for name in self._names]
        references = np.array(counts, dtype=np.int64).reshape(-1, CELLS)
        psi = population_stability_indices(references, self._totals).tolist()
        named = zip(self._names, psi, strict=True)
        return {name: value for name, value in named if name in self.rows}

    @cached_property
    def shifted(self) -> int | None:
        """How many features moved; None when none has enough rows for a test.

        A feature below the least effect never counts, so where all are nothing need be tested.
        """
        if max(self.rows.values(), default=0) < LEAST_ROWS:
            return None
        if all(value < LEAST_PSI for value in self.psi.values()):
            return 0 if any(self._is_enough(name) for name in self.rows) else None
        tested = self._p_values()
        if not tested:
            return None
        return len([name for name in discoveries(tested) if self.psi[name] >= LEAST_PSI])

    def _is_enough(self, name: str) -> bool:
        # The sum is known; most often it is too small already, and no slot need be looked at.
        if self.rows[name] < LEAST_ROWS:
            return False
        return is_enough(self._counts.sizes(name, *self._window))

    def _p_values(self) -> dict[str, float]:
        """By feature, of those with enough rows; features whose rows came alike at once."""
        names = list(self.rows)
        blocks = self._blocks(names)
        sizes = blocks.sum(axis=2)
        alike: dict[bytes, list[int]] = {}
        for place in range(len(names)):
            alike.setdefault(sizes[:, place].tobytes(), []).append(place)
        found: dict[str, float] = {}
        for places in alike.values():
            mine = sizes[:, places[0]]
            held = mine[mine > 0].tolist()
            if not is_enough(held):
                continue
            starts = [0, *joined_ends(held)[:-1]]
            joined = np.add.reduceat(blocks[mine > 0][:, places], starts, axis=0)
            references = np.array([self._features[names[place]].counts for place in places])
            p_values = rao_scott_p_values(references, joined.transpose(1, 0, 2)).tolist()
            found.update(zip((names[place] for place in places), p_values, strict=True))
        return found

    def _blocks(self, names: list[str]) -> NDArray[np.int64]:
        """Counts in shape (slots, features, cells), in time order."""
        rows = [row for name in names if (row := self._counts.row_of(name)) is not None]
        most = max(rows) + 1
        tables = [table for _, table in self._counts.tables(*self._window)]
        wide = [table if len(table) >= most else grown(table, most) for table in tables]
        return np.array([table[rows] for table in wide], dtype=np.int64)

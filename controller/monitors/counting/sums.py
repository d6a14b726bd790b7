"""Integer amounts by series, second and cell: what is paid or used, not how often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.slots import Slots

Numbers = NDArray[np.int64]
MOST_AT_ONCE = 2.0**53
"""Amounts of one series, second and call are summed as float64, which is exact below this."""


class Sums(Slots):
    """As `Slots`, whose cells may also grow by amounts."""

    def weigh(
        self,
        names: Sequence[str],
        codes: Numbers,
        seconds: Numbers,
        cell: int,
        amounts: NDArray[np.float64],
    ) -> None:
        """Element i adds ``amounts[i]``, a whole number of at least 0, to the cell of its series
        ``names[codes[i]]`` at its second. The amounts of one call must sum to below 2 ** 53, so
        that the order of summing cannot matter.
        """
        if not codes.size:
            return
        known = np.array([*(self._place_of(name) for name in names), -1], np.int64)
        rows = known[codes]
        if rows.min() < 0:
            for code in np.unique(codes[rows < 0]).tolist():
                known[code] = self._rows[self.series_of(names[code])]
            rows = known[codes]
        steps, size = seconds // self.step_s, len(self._rows)
        first, last = int(steps.min()), int(steps.max())
        each = [first] if first == last else np.unique(steps).tolist()
        for step in each:
            mine = slice(None) if first == last else steps == step
            sums = np.bincount(rows[mine], weights=amounts[mine], minlength=size)
            table = np.zeros((size, self.cells), dtype=np.int64)
            table[:, cell] = np.rint(sums).astype(np.int64)
            self._count_in(step, table)

    def _place_of(self, name: str) -> int:
        return self._rows.get(name, -1)

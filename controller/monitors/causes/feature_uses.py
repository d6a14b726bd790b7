"""How the groups of features fared as they were used: defaulted, not found, how old."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from controller.monitors.causes.step_tables import StepTables
from controller.monitors.counting.batch_view import BatchView, Labelled
from controller.monitors.counting.steps import by_step
from controller.settings import Settings

STEP_S = 10
AGED, LOG_AGE, DEFAULTED, NOT_FOUND = range(4)
"""Cells: uses with an age, the sum of their `log_age`, uses defaulted, uses not found."""
CELLS = 4
LOG_UNIT = 16
_OLDEST_S = 2.0**24

Codes = NDArray[np.int64]


class FeatureUses:
    """Row 0 of the tables is all groups, the last one those that settings do not name."""

    def __init__(self, settings: Settings) -> None:
        self.names = ("", *settings.feature_groups, "other")
        self.tables = StepTables(STEP_S, len(self.names), CELLS)

    def update(self, rows: BatchView, kept: NDArray[np.bool_], seconds: Codes) -> None:
        """Of the kept rows; ``seconds`` by row."""
        ages = rows.nested("feature_ages")
        if ages.rows.size:
            age_s = np.clip(np.nan_to_num(ages.numbers("age_s")), 0.0, _OLDEST_S)
            sums = {AGED: None, LOG_AGE: log_age(age_s)}
            self._count(sums, seconds, kept, ages.rows, self._places(ages.labels("group")))
        for column, cell in (("defaulted", DEFAULTED), ("not_found", NOT_FOUND)):
            at, labels = rows.listed(column)
            if at.size:
                self._count({cell: None}, seconds, kept, at, self._places(labels))

    def _count(
        self,
        sums: Mapping[int, NDArray[np.float64] | None],
        seconds: Codes,
        kept: NDArray[np.bool_],
        at: Codes,
        groups: Codes,
    ) -> None:
        """Add into each cell its weights (None: one each) of uses of a group by the row ``at``."""
        if not kept.all():
            mine = np.flatnonzero(kept[at])
            at, groups = at[mine], groups[mine]
            sums = {cell: w if w is None else w[mine] for cell, w in sums.items()}
        for step, chosen in by_step(seconds[at], STEP_S):
            table = np.zeros((len(self.names), CELLS), np.int64)
            for cell, weights in sums.items():
                own = None if weights is None else weights[chosen]
                table[:, cell] = np.bincount(groups[chosen], own, len(self.names))
            table[0] = table.sum(axis=0)
            self.tables.add(step, table)

    def _places(self, labels: Labelled) -> Codes:
        known = {name: place for place, name in enumerate(self.names[1:-1], 1)}
        last = len(self.names) - 1
        table = [*(known.get(name, last) for name in labels.names), last]
        return np.array(table, np.int64)[labels.codes]


def log_age(age_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole sixteenths of the binary logarithm, so that sums are exact and no outlier rules."""
    found: NDArray[np.float64] = np.rint(LOG_UNIT * np.log2(1.0 + age_s))
    return found

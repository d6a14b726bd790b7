"""How the groups of features fared as they were used: defaulted, not found, how old."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from controller.monitors.causes.step_tables import StepTables
from controller.monitors.counting.batch_view import BatchView, Labelled
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
        steps = seconds // STEP_S
        ages = rows.nested("feature_ages")
        if ages.rows.size:
            age_s = np.clip(np.nan_to_num(ages.numbers("age_s")), 0.0, _OLDEST_S)
            groups, mine = self._places(ages.labels("group")), kept[ages.rows].astype(np.float64)
            self._count(AGED, steps, ages.rows, groups, mine)
            self._count(LOG_AGE, steps, ages.rows, groups, mine * log_age(age_s))
        for column, cell in (("defaulted", DEFAULTED), ("not_found", NOT_FOUND)):
            at, labels = rows.listed(column)
            if at.size:
                mine = kept[at].astype(np.float64)
                self._count(cell, steps, at, self._places(labels), mine)

    def _count(
        self, cell: int, steps: Codes, at: Codes, groups: Codes, weights: NDArray[np.float64]
    ) -> None:
        """Add the weights of uses, each of the row ``at`` and of a group, into one cell."""
        of_use = steps[at]
        first, last = int(of_use.min()), int(of_use.max())
        for step in [first] if first == last else np.unique(of_use).tolist():
            now = weights if first == last else np.where(of_use == step, weights, 0.0)
            sums = np.bincount(groups, now, len(self.names)).astype(np.int64)
            table = np.zeros((len(self.names), CELLS), np.int64)
            table[:, cell] = sums
            table[0, cell] = sums.sum()
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

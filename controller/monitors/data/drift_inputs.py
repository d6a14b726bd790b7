"""Input rows as cells of the references of all arms, looked up at once for a whole slab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.steps import by_step
from controller.monitors.data.alike_inputs import alike_inputs
from controller.statistics.drift_null import KnownNull
from controller.statistics.reference_bins import CELLS, NULL_CELL, ReferenceBins, ReferenceTable

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class ArmReference:
    """What an arm's serving version was trained on, since when. ``id`` is version and checksum."""

    at_s: float
    id: str
    features: Mapping[str, ReferenceBins]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(self.features)

    @cached_property
    def table(self) -> ReferenceTable:
        return ReferenceTable(self.features)

    @cached_property
    def null(self) -> KnownNull:
        return KnownNull.of(tuple(self.features.values()))


class _Inputs(NamedTuple):
    """Every input that some arm's reference knows: whose row, which feature, in which cell.

    ``places`` count through the features of all arms; an arm's begin at ``first``.
    """

    rows: Numbers
    places: Numbers
    cells: Numbers
    first: Numbers


class InputCells(NamedTuple):
    """One arm's ``rows`` of a slab, the second of each, and ``cells`` in shape (features, rows)."""

    rows: Numbers
    seconds: Numbers
    cells: NDArray[np.int8]

    def tables(self, first: int, after: int, step_s: int) -> list[tuple[int, Numbers]]:
        """(step, counts by feature and cell) of the rows ``first`` to before ``after``."""
        start, end = self.rows.searchsorted((first, after)).tolist()
        features, found = len(self.cells), []
        starts = np.arange(features)[:, np.newaxis] * CELLS
        for step, mine in by_step(self.seconds[start:end], step_s):
            flat = self.cells[:, start:end][:, mine] + starts
            counts = np.bincount(flat.reshape(-1), minlength=features * CELLS)
            found.append((step, counts.reshape(features, CELLS)))
        return found


class InputLookup:
    """Of all arms there are; another one after every change of a reference."""

    def __init__(self, references: Mapping[str, ArmReference]) -> None:
        self._references = dict(references)
        sizes = [len(r.names) for r in references.values()]
        self._sizes = np.array([*sizes, 0], np.int64)
        self._first = np.cumsum([0, *sizes])
        every = {(a, n): b for a, r in references.items() for n, b in r.features.items()}
        self._places = {pair: place for place, pair in enumerate(every)}
        self._table = ReferenceTable({f"{a} {n}": bins for (a, n), bins in every.items()})
        self.key = ("drift", *((arm, r.at_s, r.id) for arm, r in references.items()))

    def cells_of(self, arm: str, whole: BatchView) -> InputCells | None:
        """The inputs of one arm's rows; None where rows differ in what they name (see `alike`)."""
        alike = alike_inputs(whole)
        if alike is None:
            return None
        reference, place = self._references[arm], list(self._references).index(arm)
        known = reference.table.rows
        # One more column, of nulls, for what the rows do not name.
        given = {known[name]: n for n, name in enumerate(alike.names) if name in known}
        columns = [given.get(row, -1) for row in range(len(reference.names))]
        mine = np.flatnonzero(self._arms_of(whole)[alike.rows] == place)
        values = alike.values if mine.size == len(alike.values) else alike.values[mine]
        if -1 in columns:
            values = np.column_stack((values, np.full(mine.size, np.nan)))
        rows = alike.rows[mine]
        cells = reference.table.cells_of_table(np.ascontiguousarray(values.T[columns]))
        return InputCells(rows, whole.seconds("done_at_s")[rows], cells)

    def events_of(self, arm: str, whole: BatchView) -> RowEvents:
        """The inputs of one arm's rows, one by one."""
        found: _Inputs = whole.made(self.key, self._inputs)
        place = list(self._references).index(arm)
        low, after = found.first[place], found.first[place + 1]
        mine = (found.places >= low) & (found.places < after)
        seconds = whole.seconds("done_at_s")[found.rows]
        names = self._references[arm].names
        return RowEvents.of(
            whole.row_count, names, mine, found.rows, found.places - low, seconds, found.cells
        )

    def _inputs(self, rows: BatchView) -> _Inputs:
        inputs = rows.nested("inputs")
        feature, values = inputs.labels("feature"), inputs.numbers("value")
        arms = self._arms_of(rows)
        width = len(feature.names) + 1
        places = np.full((len(self._references) + 1, width), -1, dtype=np.int64)
        for place, arm in enumerate(self._references):
            for code, name in enumerate(feature.names):
                places[place, code] = self._places.get((arm, name), -1)
        # Arm -1 picks the last row, and feature -1 the last column of the row before.
        found = places.reshape(-1).take(arms[inputs.rows] * width + feature.codes, mode="wrap")
        at = inputs.rows
        if found.size and found.min() < 0:
            known = np.flatnonzero(found >= 0)
            found, values, at = found[known], values[known], at[known]
        cells = self._table.cells_of(found, values)
        return self._with_missing(arms, inputs.rows, _Inputs(at, found, cells, self._first))

    def _arms_of(self, rows: BatchView) -> Numbers:
        """Which arm's inputs each row shows; -1: nobody's that counts."""
        column = rows.labels("arm")
        places = {arm: place for place, arm in enumerate(self._references)}
        table = np.array([*(places.get(name, -1) for name in column.names), -1], np.int64)
        return np.where(rows.labels("role").equal("user", "probe"), table[column.codes], -1)

    def _with_missing(self, arms: Numbers, given: Numbers, found: _Inputs) -> _Inputs:
        """A feature that a row does not name at all is null, as it is in a reference."""
        named = np.bincount(found.rows, minlength=arms.size)
        short = (named < self._sizes[arms]) & (np.bincount(given, minlength=arms.size) > 0)
        if not short.any():
            return found
        held = np.zeros((arms.size, int(self._first[-1])), dtype=np.bool_)
        held[found.rows, found.places] = True
        owner = np.repeat(np.arange(len(self._references)), self._sizes[:-1])
        rows, places = np.nonzero(~held & short[:, None] & (owner == arms[:, None]))
        every = np.concatenate((found.rows, rows))
        order = np.argsort(every, kind="stable")
        nulls = np.full(rows.size, NULL_CELL, dtype=np.int64)
        return _Inputs(
            every[order],
            np.concatenate((found.places, places))[order],
            np.concatenate((found.cells, nulls))[order],
            found.first,
        )

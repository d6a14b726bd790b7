"""Columns of one batch as numpy arrays, each made once however many monitors look at it.

A batch may be a part of a slab: then whatever is made row by row is made once for the whole slab,
and each part takes its slice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from controller.monitors.counting.events import Events, RowEvents
from controller.telemetry.slab import SlabPart, as_part

Mask = NDArray[np.bool_]
T = TypeVar("T")
LATEST_S = 2.0**40
"""No time at all beyond this."""


@dataclass(frozen=True)
class Labelled:
    """A text column: ``names[codes[row]]``, and code -1 where it is null."""

    codes: NDArray[np.int64]
    names: tuple[str, ...]

    def equal(self, *values: str) -> Mask:
        """Which rows hold one of these values."""
        # Code -1 picks the last place, which is nobody's name.
        wanted = np.array([*(name in values for name in self.names), False])
        return wanted[self.codes]


@dataclass(frozen=True)
class Nested:
    """The elements of a list-of-structs column, flat; ``rows[i]`` is the row of element i."""

    rows: NDArray[np.int64]
    elements: pa.StructArray

    def labels(self, name: str) -> Labelled:
        return labelled(self.elements.field(name))

    def numbers(self, name: str) -> NDArray[np.float64]:
        return numbers(self.elements.field(name))


class BatchView:
    """Raise KeyError for a column that the batch does not have."""

    def __init__(self, topic: str, partition: int, rows: pa.RecordBatch | SlabPart) -> None:
        self.topic = topic
        self.partition = partition
        self.part = as_part(rows)
        self.row_count: int = self.part.num_rows
        self._first = self.part.start
        self._after = self.part.start + self.part.num_rows
        self._spans: dict[str, tuple[float, float]] = {}

    @property
    def batch(self) -> pa.RecordBatch:
        return self.part.batch

    def made(self, key: Hashable, make: Callable[[BatchView], Any]) -> Any:
        """What ``make`` gives for the whole slab, made once."""
        return self.part.slab.once(key, lambda: make(self._whole()))

    def _whole(self) -> BatchView:
        """All rows of the slab. Not kept: the slab would keep itself."""
        slab = self.part.slab
        if self.row_count == slab.batch.num_rows:
            return self
        return BatchView(self.topic, self.partition, slab.part(0, slab.batch.num_rows))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A number, time or truth column; NaN where it is null."""
        found: NDArray[np.float64] = self.made(
            ("numbers", name), lambda whole: numbers(whole.batch.column(name))
        )
        return found[self._first : self._after]

    def span(self, name: str) -> tuple[float, float]:
        """The least and the largest of a number column; NaN when a row has none."""
        found = self._spans.get(name)
        if found is None:
            column = self.numbers(name)
            least, most = np.minimum.reduce(column), np.maximum.reduce(column)
            found = self._spans[name] = (float(least), float(most))
        return found

    def count_below(self, name: str, limit: float) -> int:
        """How many rows of a number column are below it."""
        if self.span(name)[0] >= limit:  # never so with NaN
            return 0
        return int(np.count_nonzero(self.numbers(name) < limit))

    def seconds(self, name: str) -> NDArray[np.int64]:
        """A time column as whole seconds. Its rows were checked to be finite times."""
        return np.floor(self.numbers(name)).astype(np.int64)

    def labels(self, name: str) -> Labelled:
        """A text column."""
        found: Labelled = self.made(
            ("labels", name), lambda whole: labelled(whole.batch.column(name))
        )
        if self.row_count == found.codes.size:
            return found
        return Labelled(found.codes[self._first : self._after], found.names)

    def nested(self, name: str) -> Nested:
        """A column of lists of structs."""

        def make() -> Nested:
            column = self.batch.column(name)
            return Nested(_parents(column), column.flatten())

        return self.part.slab.once(("nested", name, self._first, self._after), make)

    def listed(self, name: str) -> tuple[NDArray[np.int64], Labelled]:
        """A column of lists of text: the row of each element, and the elements."""
        column = self.batch.column(name)
        return _parents(column), labelled(column.flatten())

    def timely(self, name: str) -> Mask:
        """Which rows of a time column hold a time that whole seconds can express."""
        at_s = self.numbers(name)
        return (at_s >= 0.0) & (at_s <= LATEST_S)

    def present(self, name: str) -> Mask:
        """Which rows of a column are not null."""
        if not self.batch.column(name).null_count:
            return np.ones(self.row_count, dtype=np.bool_)
        return self.batch.column(name).is_valid().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]

    def sliced(self, key: Hashable, make: Callable[[BatchView], Sequence[T]]) -> Sequence[T]:
        """This batch's share of what ``make`` gives for the whole slab, one element per row."""
        found: Sequence[T] = self.made(key, make)
        return found[self._first : self._after]

    def values_of(self, *names: str) -> Sequence[dict[str, Any]]:
        """Columns as Python values by row, for the few rows of small topics."""

        def make(whole: BatchView) -> list[dict[str, Any]]:
            return whole.batch.select(list(names)).to_pylist()  # type: ignore[no-any-return]

        return self.sliced(("values", names), make)

    def events(
        self, key: Hashable, make: Callable[[BatchView], RowEvents], time_column: str
    ) -> Events:
        """What ``make`` finds in the whole slab, but of this batch's rows.

        ``time_column`` is what the events' seconds were made of.
        """
        found: RowEvents = self.made(key, make)
        return found.within(self._first, self._after, self._bounds(time_column))

    def _bounds(self, time_column: str) -> tuple[int, int] | None:
        """Whole seconds around a time column; None where not every row has a time."""
        least_s, most_s = self.span(time_column)
        if not -LATEST_S <= least_s <= most_s <= LATEST_S:
            return None
        return math.floor(least_s), math.floor(most_s)


def numbers(column: pa.Array) -> NDArray[np.float64]:
    """As float64, NaN where null."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        found: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
        return found.astype(np.float64, copy=False)
    wide = column.cast(pa.float64(), safe=False)
    if wide.null_count:
        wide = wide.fill_null(float("nan"))
    return wide.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def labelled(column: pa.Array) -> Labelled:
    """Codes and names of a text column, dictionary-encoded or not."""
    coded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    codes = coded.indices
    if codes.null_count:
        codes = codes.fill_null(-1)
    names = tuple(coded.dictionary.to_pylist())
    if None in names:
        names = tuple(name or "" for name in names)
    return Labelled(codes.to_numpy(zero_copy_only=False).astype(np.int64), names)


def _parents(column: pa.ListArray) -> NDArray[np.int64]:
    rows = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
    return rows.astype(np.int64)  # type: ignore[no-any-return]

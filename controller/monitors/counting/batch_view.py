"""Columns of one batch as numpy arrays, each made once however many monitors look at it.

A batch may be a part of a slab: then whatever is made row by row is made once for the whole slab,
and each part takes its slice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from controller.monitors.counting.events import Events, RowEvents
from controller.telemetry.slab import SlabPart, as_part

Mask = NDArray[np.bool_]
T = TypeVar("T")
LEAST_REPEATED = 5
"""Lists of so many texts are looked at for whether they repeat; shorter ones are coded faster."""
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
        wanted = np.array([*[name in values for name in self.names], False])
        return wanted.take(self.codes, mode="wrap")


class Nested:
    """The elements of a list-of-structs column, flat; ``rows[i]`` is the row of element i.

    ``holders`` are the rows that have any, ``width`` is how many each of them has; 0 where that
    differs.
    """

    def __init__(self, column: pa.ListArray) -> None:
        self.holders, self._lengths, self.width = _lengths(column)
        self.elements: pa.StructArray = _flat(column)
        self._made: dict[str, Any] = {}

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        return np.repeat(self.holders, self._lengths)

    def labels(self, name: str) -> Labelled:
        found: Labelled | None = self._made.get(name)
        if found is None:
            names = self.repeated(name) if self.width >= LEAST_REPEATED else None
            if names is None:
                found = labelled(self.elements.field(name))
            else:
                found = Labelled(np.tile(np.arange(self.width), self.holders.size), names)
            self._made[name] = found
        return found

    def repeated(self, name: str) -> tuple[str, ...] | None:
        """The texts of each row, where all rows say the same in the same order, each text once."""
        texts = self.elements.field(name)
        if not self.width or not _repeats(texts, self.width):
            return None
        names = tuple(texts.slice(0, self.width).to_pylist())
        return names if len(set(names)) == self.width else None

    def numbers(self, name: str) -> NDArray[np.float64]:
        found: NDArray[np.float64] | None = self._made.get(name)
        if found is None:
            found = self._made[name] = numbers(self.elements.field(name))
        return found


class Some(NamedTuple, Generic[T]):
    """What was found in some rows of a slab: ``values[i]`` in row ``rows[i]``, ascending."""

    rows: NDArray[np.int64]
    values: list[T]


class BatchView:
    """Raise KeyError for a column that the batch does not have."""

    def __init__(self, topic: str, partition: int, rows: pa.RecordBatch | SlabPart) -> None:
        self.topic = topic
        self.partition = partition
        self.part = as_part(rows)
        self.row_count: int = self.part.num_rows
        self._first = self.part.start
        self._after = self.part.start + self.part.num_rows
        self._is_whole = self.part.is_whole
        self._spans: dict[str, tuple[float, float]] = {}
        self._bounds_of: dict[str, tuple[int, int] | None] = {}
        self._made = self.part.slab.made

    @property
    def batch(self) -> pa.RecordBatch:
        return self.part.batch

    def made(self, key: Hashable, make: Callable[[BatchView], Any]) -> Any:
        """What ``make`` gives for the whole slab, made once."""
        try:
            return self._made[key]
        except KeyError:
            found = self._made[key] = make(self._whole())
            return found

    def _whole(self) -> BatchView:
        """All rows of the slab. Not kept: the slab would keep itself."""
        if self._is_whole:
            return self
        slab = self.part.slab
        return BatchView(self.topic, self.partition, slab.part(0, slab.batch.num_rows))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A number, time or truth column; NaN where it is null."""
        found: NDArray[np.float64] | None = self._made.get(("numbers", name))
        if found is None:
            found = numbers(self.part.slab.batch.column(name))
            self._made["numbers", name] = found
        return found if self._is_whole else found[self._first : self._after]

    def span(self, name: str) -> tuple[float, float]:
        """The least and the largest of a number column; NaN when a row has none."""
        found = self._spans.get(name)
        if found is None:
            found = self._spans[name] = self._span(name)
        return found

    def _span(self, name: str) -> tuple[float, float]:
        column = self.numbers(name)
        if not self._is_whole:
            return float(np.minimum.reduce(column)), float(np.maximum.reduce(column))
        found: tuple[float, float] | None = self._made.get(("span", name))
        if found is None:
            found = float(np.minimum.reduce(column)), float(np.maximum.reduce(column))
            self._made["span", name] = found
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
        found: Labelled | None = self._made.get(("labels", name))
        if found is None:
            found = self._made["labels", name] = labelled(self.part.slab.batch.column(name))
        if self._is_whole:
            return found
        return Labelled(found.codes[self._first : self._after], found.names)

    def nested(self, name: str) -> Nested:
        """A column of lists of structs."""

        def make() -> Nested:
            return Nested(self.batch.column(name))

        return self.part.slab.once(("nested", name, self._first, self._after), make)

    def listed(self, name: str) -> tuple[NDArray[np.int64], Labelled]:
        """A column of lists of text: the row of each element, and the elements."""

        def make() -> tuple[NDArray[np.int64], Labelled]:
            column = self.batch.column(name)
            texts = _flat(column)
            return (_parents(column), labelled(texts)) if len(texts) else _NOTHING_LISTED

        return self.part.slab.once(("listed", name, self._first, self._after), make)

    def timely(self, name: str) -> Mask:
        """Which rows of a time column hold a time that whole seconds can express."""

        def make(whole: BatchView) -> Mask:
            at_s = whole.numbers(name)
            return (at_s >= 0.0) & (at_s <= LATEST_S)

        return self.share(("timely", name), make)

    def timely_seconds(self, name: str) -> NDArray[np.int64]:
        """Whole seconds of a time column; 0 where the time cannot be."""

        def make(whole: BatchView) -> NDArray[np.int64]:
            # Truncated, which is rounded down: none is negative.
            return np.where(whole.timely(name), whole.numbers(name), 0.0).astype(np.int64)

        return self.share(("timely_seconds", name), make)

    def present(self, name: str) -> Mask:
        """Which rows of a column are not null."""

        def make(whole: BatchView) -> Mask:
            column = whole.batch.column(name)
            if not column.null_count:
                return np.ones(whole.row_count, dtype=np.bool_)
            return column.is_valid().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]

        return self.share(("present", name), make)

    def share(self, key: Hashable, make: Callable[[BatchView], NDArray[Any]]) -> NDArray[Any]:
        """This batch's share of an array of all rows of the slab, made once."""
        found: NDArray[Any] = self.made(key, make)
        return found if self._is_whole else found[self._first : self._after]

    def sliced(self, key: Hashable, make: Callable[[BatchView], Sequence[T]]) -> Sequence[T]:
        """This batch's share of what ``make`` gives for the whole slab, one element per row."""
        found: Sequence[T] = self.made(key, make)
        return found[self._first : self._after]

    def some(self, key: Hashable, make: Callable[[BatchView], Some[T]]) -> Sequence[T]:
        """This batch's share of what ``make`` gives for some rows of the whole slab."""
        found: Some[T] = self.made(key, make)
        if self._is_whole:
            return found.values
        first, after = found.rows.searchsorted((self._first, self._after)).tolist()
        return found.values[first:after]

    def request_ids(self, places: NDArray[np.int64]) -> list[bytes]:
        """The ids of requests at some rows, none of which is null."""
        column = self.batch.column("request_id")
        width, data = column.type.byte_width, memoryview(column.buffers()[1])
        starts = ((places + column.offset) * width).tolist()
        return [bytes(data[start : start + width]) for start in starts]

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
        try:
            return self._bounds_of[time_column]
        except KeyError:
            least_s, most_s = self.span(time_column)
            is_time = -LATEST_S <= least_s <= most_s <= LATEST_S  # never so with NaN
            found = (math.floor(least_s), math.floor(most_s)) if is_time else None
            self._bounds_of[time_column] = found
            return found


def numbers(column: pa.Array) -> NDArray[np.float64]:
    """As float64, NaN where null."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        found: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
        return found.astype(np.float64, copy=False)
    if pa.types.is_boolean(kind) and not column.null_count:
        return column.to_numpy(zero_copy_only=False).astype(np.float64)  # type: ignore[no-any-return]
    wide = column.cast(pa.float64(), safe=False)
    if wide.null_count:
        wide = wide.fill_null(float("nan"))
    return wide.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def labelled(column: pa.Array) -> Labelled:
    """Codes and names of a text column, dictionary-encoded or not."""
    coded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    indices = coded.indices
    names = tuple(coded.dictionary.to_pylist())
    if None in names:
        names = tuple(name or "" for name in names)
    codes = indices.to_numpy(zero_copy_only=False)
    if indices.null_count:
        codes = np.where(codes == codes, codes, -1.0)  # nulls came as NaN
    return Labelled(codes.astype(np.int64), names)


_NOTHING_LISTED = (np.zeros(0, np.int64), Labelled(np.zeros(0, np.int64), ()))


def _parents(column: pa.ListArray) -> NDArray[np.int64]:
    """The row of each element of a list column."""
    holders, lengths, _ = _lengths(column)
    return np.repeat(holders, lengths)


def _flat(column: pa.ListArray) -> pa.Array:
    """The elements of a list column, as its own `flatten` finds them, at less cost."""
    if column.null_count:
        return column.flatten()
    offsets = column.offsets.to_numpy()
    first, after = offsets.item(0), offsets.item(-1)
    return column.values.slice(first, after - first)


def _lengths(column: pa.ListArray) -> tuple[NDArray[np.int64], NDArray[np.int32], int]:
    """The rows whose lists have elements, how many each has, and that number where it is one."""
    offsets = column.offsets.to_numpy()
    lengths = offsets[1:] - offsets[:-1]
    if column.null_count:  # a null list may have elements, which are nobody's
        lengths[column.is_null().to_numpy(zero_copy_only=False)] = 0
    holders = lengths.nonzero()[0]
    if not holders.size:
        return holders, lengths[:0], 0
    if holders.size < lengths.size:
        lengths = lengths[holders]
    width = int(lengths[0])
    return holders, lengths, width if (lengths == width).all() else 0


def _repeats(texts: pa.Array, width: int) -> bool:
    """Whether a plain text column is its first elements over and over, seen from its bytes."""
    if texts.null_count or texts.type != pa.string():
        return False
    _, offsets_buffer, data_buffer = texts.buffers()
    after = texts.offset + len(texts) + 1
    ends = np.frombuffer(offsets_buffer, np.int32)[texts.offset : after]
    sizes = np.diff(ends)
    if (sizes[width:] != sizes[:-width]).any():
        return False
    data = np.frombuffer(data_buffer or b"", np.uint8)[ends[0] : ends[-1]]
    period = int(ends[width] - ends[0])
    return not (data[period:] != data[: data.size - period]).any()

"""Columns of one batch as numpy arrays, each made once however many monitors look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
LATEST_S = 2.0**40
"""No time at all beyond this."""


@dataclass(frozen=True)
class Labelled:
    """A text column: ``names[codes[row]]``, and code -1 where it is null."""

    codes: NDArray[np.int64]
    names: tuple[str, ...]

    def equal(self, *values: str) -> Mask:
        """Which rows hold one of these values."""
        wanted = [code for code, name in enumerate(self.names) if name in values]
        return np.isin(self.codes, wanted)


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

    def __init__(self, topic: str, partition: int, batch: pa.RecordBatch) -> None:
        self.topic = topic
        self.partition = partition
        self.batch = batch
        self.row_count: int = batch.num_rows
        self._numbers: dict[str, NDArray[np.float64]] = {}
        self._labels: dict[str, Labelled] = {}
        self._nested: dict[str, Nested] = {}

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A number, time or truth column; NaN where it is null."""
        if name not in self._numbers:
            self._numbers[name] = numbers(self.batch.column(name))
        return self._numbers[name]

    def seconds(self, name: str) -> NDArray[np.int64]:
        """A time column as whole seconds. Its rows were checked to be finite times."""
        return np.floor(self.numbers(name)).astype(np.int64)

    def labels(self, name: str) -> Labelled:
        """A text column."""
        if name not in self._labels:
            self._labels[name] = labelled(self.batch.column(name))
        return self._labels[name]

    def nested(self, name: str) -> Nested:
        """A column of lists of structs."""
        if name not in self._nested:
            column = self.batch.column(name)
            rows = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
            self._nested[name] = Nested(rows.astype(np.int64), column.flatten())
        return self._nested[name]

    def listed(self, name: str) -> tuple[NDArray[np.int64], Labelled]:
        """A column of lists of text: the row of each element, and the elements."""
        column = self.batch.column(name)
        rows = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        return rows.astype(np.int64), labelled(column.flatten())

    def timely(self, name: str) -> Mask:
        """Which rows of a time column hold a time that whole seconds can express."""
        at_s = self.numbers(name)
        return (at_s >= 0.0) & (at_s <= LATEST_S)

    def present(self, name: str) -> Mask:
        """Which rows of a column are not null."""
        return self.batch.column(name).is_valid().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]

    def values_of(self, *names: str) -> list[dict[str, Any]]:
        """Columns as Python values by row, for the few rows of small topics."""
        return self.batch.select(list(names)).to_pylist()  # type: ignore[no-any-return]


def numbers(column: pa.Array) -> NDArray[np.float64]:
    """As float64, NaN where null."""
    wide = column.cast(pa.float64(), safe=False)
    if wide.null_count:
        wide = wide.fill_null(float("nan"))
    return wide.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def labelled(column: pa.Array) -> Labelled:
    """Codes and names of a text column, dictionary-encoded or not."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = coded.indices.cast(pa.int64())
    if codes.null_count:
        codes = codes.fill_null(-1)
    names = tuple("" if name is None else name for name in coded.dictionary.to_pylist())
    return Labelled(codes.to_numpy(zero_copy_only=False), names)

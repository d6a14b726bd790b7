"""From flat numpy arrays to Arrow columns, without a Python object per row.

Knows Arrow and nothing of what the columns mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from controller.telemetry.conform import segment_fields
from controller.telemetry.schema import SCHEMAS

Codes = NDArray[Any]
Mask = NDArray[np.bool_]


def labels(codes: Codes, names: Sequence[str]) -> pa.DictionaryArray:
    """A dictionary-encoded text column; a code below 0 is null."""
    narrow = codes.astype(np.int32)
    missing = narrow < 0
    indices = pa.array(narrow, mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(names), pa.string()))


def same_label(count: int, name: str) -> pa.DictionaryArray:
    """The same text in every row."""
    return labels(np.zeros(count, np.int32), (name,))


def texts(codes: Codes, names: Sequence[str]) -> pa.StringArray:
    """A plain text column: ``names[code]`` each; no code below 0."""
    return pa.array(list(names), pa.string()).take(pa.array(codes.astype(np.int32)))


def numbers(values: NDArray[np.floating[Any]], known: Mask) -> pa.FloatArray:
    """A float32 column, null where it is not ``known``."""
    return pa.array(values.astype(np.float32), mask=None if known.all() else ~known)


def ids(halves: NDArray[np.uint64]) -> pa.FixedSizeBinaryArray:
    """(n, 2) high and low halves as 16 bytes, big-endian."""
    buffer = pa.py_buffer(np.ascontiguousarray(halves).astype(">u8").tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(halves), [None, buffer])


def structs(kind: pa.ListType, columns: Sequence[pa.Array]) -> pa.StructArray:
    """The elements of a column of lists of structs, its fields in the schema's order."""
    fields = [kind.value_type.field(place) for place in range(kind.value_type.num_fields)]
    return pa.StructArray.from_arrays(list(columns), fields=fields)


def lists(
    kind: pa.ListType, lengths: Codes, elements: pa.Array, missing: Mask | None = None
) -> pa.ListArray:
    """A column of lists: row i takes the next ``lengths[i]`` elements; null where ``missing``
    (whose length must be 0)."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    mask = None if missing is None else pa.array(missing)
    return pa.ListArray.from_arrays(pa.array(offsets), elements, type=kind, mask=mask)


def batch(topic: str, columns: Mapping[str, pa.Array], count: int) -> pa.RecordBatch:
    """One batch with exactly the topic's columns, then segments by name; the rest is null.

    Raise ValueError for a column the topic does not have.
    """
    schema = SCHEMAS[topic]
    fields = [*schema, *segment_fields(list(columns))]
    unknown = columns.keys() - {field.name for field in fields}
    if unknown:
        raise ValueError(f"{topic} has no column {', '.join(sorted(unknown))}")
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(count, field.type)
        for field in fields
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def kind_of(topic: str, column: str) -> pa.DataType:
    """The type of a topic's column."""
    return SCHEMAS[topic].field(column).type

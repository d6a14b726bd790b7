"""Named arrays as bytes and back: an Arrow stream, compressed, never objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("dtype", pa.string()),
        ("shape", pa.list_(pa.int64())),
        ("data", pa.large_binary()),
    ]
)
_PLAIN_KINDS = "iufU"
"""Integers, floats and text: what may be stored."""


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """One row per array."""
    columns = [
        list(arrays),
        [array.dtype.str for array in arrays.values()],
        [list(array.shape) for array in arrays.values()],
        [array.tobytes() for array in arrays.values()],
    ]
    fields = [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)]
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, _SCHEMA, options=options) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(fields, schema=_SCHEMA))
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def unpack(data: bytes) -> dict[str, NDArray[Any]]:
    """Raise ValueError on anything that `pack` did not write."""
    try:
        table = pa.ipc.open_stream(data).read_all()
        table.validate(full=True)
        if table.schema != _SCHEMA:
            raise ValueError("not a table of arrays")
        return {row["name"]: _array(row) for row in table.to_pylist()}
    except (pa.ArrowException, OSError, TypeError) as error:
        raise ValueError(f"not a table of arrays: {error}") from error


def _array(row: Mapping[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(row["dtype"])
    if dtype.kind not in _PLAIN_KINDS:
        raise ValueError(f"arrays of {row['dtype']} are not stored")
    if not row["data"]:
        return np.zeros(row["shape"], dtype)
    return np.frombuffer(row["data"], dtype).reshape(row["shape"])

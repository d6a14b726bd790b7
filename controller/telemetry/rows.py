"""Rows gathered as column lists, then turned into one record batch in one go.

Serving adds a row per request and takes a batch every 250 ms, so adding is list appends only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from controller.telemetry.arrow_columns import column_of
from controller.telemetry.conform import SEGMENT_TYPE
from controller.telemetry.schema import SCHEMAS, SEGMENT_PREFIX


class RowBuffer:
    """Gathers rows of one topic. Not safe for threads; bound it by looking at ``len``.

    >>> buffer = RowBuffer("selfright.change")
    >>> buffer.add({"at_s": 1.0, "kind": "deploy", "what": "router 7", "who": "ci"})
    >>> buffer.take().num_rows, len(buffer)
    (1, 0)
    """

    def __init__(self, topic: str) -> None:
        self._schema = SCHEMAS[topic]
        self._known = frozenset(self._schema.names)
        self._rows: list[Mapping[str, Any]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Mapping[str, Any]) -> None:
        """Add one row. A column it lacks is null; ``take`` refuses one the topic lacks."""
        self._rows.append(row)

    def take(self) -> pa.RecordBatch:
        """Everything gathered, as one batch; the buffer is empty afterwards."""
        rows, self._rows = self._rows, []
        return _batch(self._schema, self._known, rows)


def batch_from_rows(topic: str, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """One batch of these rows. Raise ValueError on a column the topic does not have."""
    schema = SCHEMAS[topic]
    return _batch(schema, frozenset(schema.names), rows)


def batch_from_columns(topic: str, columns: Mapping[str, Sequence[Any]]) -> pa.RecordBatch:
    """One batch of column lists of one length. The fastest way in; same errors."""
    schema = SCHEMAS[topic]
    segments = _segments(frozenset(schema.names), columns.keys())
    count = len(next(iter(columns.values()))) if columns else 0
    fields = [*schema, *(pa.field(name, SEGMENT_TYPE) for name in segments)]
    arrays = [
        column_of(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(count, field.type)
        for field in fields
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _batch(
    schema: pa.Schema, known: frozenset[str], rows: Sequence[Mapping[str, Any]]
) -> pa.RecordBatch:
    names: set[str] = set().union(*rows) if rows else set()
    segments = _segments(known, names)
    fields = [*schema, *(pa.field(name, SEGMENT_TYPE) for name in segments)]
    arrays = [
        column_of([row.get(field.name) for row in rows], field.type)
        if field.name in names
        else pa.nulls(len(rows), field.type)
        for field in fields
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _segments(known: frozenset[str], names: Any) -> list[str]:
    extra = sorted(name for name in names if name not in known)
    for name in extra:
        if not name.startswith(SEGMENT_PREFIX):
            raise ValueError(f"column {name!r} is not in the schema and is no {SEGMENT_PREFIX}*")
    return extra

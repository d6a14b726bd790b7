"""Rows as JSON lines, for producers without Arrow. Binary ids are hexadecimal text.

One bad line breaks the whole message and is named, so that its producer can mend it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import pyarrow as pa

from controller.telemetry.conform import NULL_STRUCT, NotConform, segment_fields
from controller.telemetry.schema import SCHEMAS, is_list_of_structs


def rows_to_json_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """One line per row, UTF-8. Raise ValueError on NaN or infinity, which JSON does not have."""
    lines = [
        json.dumps(
            {k: v.hex() if isinstance(v, bytes) else v for k, v in row.items()}, allow_nan=False
        )
        for row in rows
    ]
    return "".join(line + "\n" for line in lines).encode()


def rows_from_json_lines(topic: str, value: bytes, most_rows: int) -> pa.RecordBatch:
    """Raise NotConform with the number of the first bad line. Blank lines are skipped."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        line = value[: error.start].count(b"\n") + 1
        raise NotConform("not UTF-8", line) from error
    numbered = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(numbered) > most_rows:
        raise NotConform(f"{len(numbered)} rows are more than {most_rows}")
    rows = [(n, _object(line, n)) for n, line in numbered]
    names = sorted(set().union(*(row for _, row in rows)) if rows else set())
    fields = [*SCHEMAS[topic], *segment_fields(names)]
    arrays = [_column(field, rows) for field in fields]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotConform(f"not JSON: {error}", number) from error
    if not isinstance(row, dict):
        raise NotConform("not a JSON object", number)
    return row


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _column(field: pa.Field, rows: Sequence[tuple[int, dict[str, Any]]]) -> pa.Array:
    """All values at once; only when that fails is the guilty line looked for."""
    values = [row.get(field.name) for _, row in rows]
    if is_list_of_structs(field.type):
        for (number, _), value in zip(rows, values, strict=True):
            if isinstance(value, list) and None in value:
                raise NotConform(f"{field.name} holds {NULL_STRUCT}", number)
    try:
        return _array(field, values)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as whole:
        for (number, _), value in zip(rows, values, strict=True):
            try:
                _array(field, [value])
            except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
                said = str(error).splitlines()[0][:200]
                raise NotConform(f"{field.name} is not {field.type}: {said}", number) from error
        raise NotConform(f"{field.name} is not {field.type}: {whole}") from whole


def _array(field: pa.Field, values: Sequence[Any]) -> pa.Array:
    if pa.types.is_fixed_size_binary(field.type):
        return pa.array([None if v is None else bytes.fromhex(v) for v in values], field.type)
    if pa.types.is_integer(field.type):
        for value in values:
            if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
                raise ValueError(f"{json.dumps(value)} is not a whole number")
    if pa.types.is_floating(field.type) and any(isinstance(value, bool) for value in values):
        raise ValueError("true and false are not numbers")
    return pa.array(values, field.type)

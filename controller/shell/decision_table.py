"""The decision log as a Parquet table: flat columns to filter by, JSON text for what is nested.

Every key of every record is kept, so the sealed lines can be made from the table again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from controller.errors import BadInput
from controller.shell.canonical import canonical_bytes
from controller.shell.seal import unsealed

_FLAT: dict[str, pa.DataType] = {
    "id": pa.string(),
    "at_s": pa.float64(),
    "epoch": pa.int64(),
    "revision": pa.int64(),
    "service": pa.string(),
    "phase": pa.string(),
    "sentence": pa.string(),
    "incident": pa.string(),
    "playbook": pa.string(),
    "playbook_sha256": pa.string(),
    "expected": pa.string(),
    "autonomy": pa.string(),
    "enforced": pa.bool_(),
    "command_id": pa.string(),
    "prev_hash": pa.string(),
    "hash": pa.string(),
}
_NESTED = ("conditions", "guards", "losers", "claims_before", "claims_after", "details")
_OTHER = "other"
"""Keys that only later releases write, as one JSON object."""
_SCHEMA = pa.schema(
    [
        *_FLAT.items(),
        ("at", pa.timestamp("us", tz="UTC")),
        *((f"{name}_json", pa.string()) for name in _NESTED),
        (f"{_OTHER}_json", pa.string()),
    ]
)


def write_parquet(lines: Sequence[bytes], path: Path) -> None:
    """One row a sealed line. Raise BadInput when the file cannot be written."""
    rows = [_row(unsealed(line)) for line in lines]
    try:
        pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), path, compression="zstd")
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror or error}", file=str(path)) from None


def read_parquet(path: Path) -> list[bytes]:
    """The sealed lines again, byte for byte. Raise BadInput when the file is no such table."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"cannot be read: {error}", file=str(path)) from None
    missing = [name for name in _SCHEMA.names if name not in table.column_names]
    if missing:
        raise BadInput(f"is no decision log: no column {missing[0]}", file=str(path))
    return [_line(row) for row in table.to_pylist()]


def _row(document: dict[str, Any]) -> dict[str, Any]:
    row = {name: document.get(name) for name in _FLAT}
    row["at"] = round(document["at_s"] * 1e6)
    for name in _NESTED:
        row[f"{name}_json"] = _text(document[name]) if name in document else None
    others = {k: v for k, v in document.items() if k not in _FLAT and k not in _NESTED}
    row[f"{_OTHER}_json"] = _text(others)
    return row


def _line(row: dict[str, Any]) -> bytes:
    document = {name: row[name] for name in _FLAT}
    for name in _NESTED:
        document[name] = json.loads(row[f"{name}_json"])
    return canonical_bytes(document | json.loads(row[f"{_OTHER}_json"]))


def _text(value: Any) -> str:
    return canonical_bytes(value).decode()

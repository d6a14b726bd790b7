"""What models learn from: a folder of Parquet files with one row per item shown.

Files: ``served-HOUR-part-RUN-N.parquet`` (written every 30 s), ``served-HOUR-hour-RUN-N.parquet``
(an hour's parts in one, naming in its metadata the files it replaces) and ``history-*.parquet``
(brought in from elsewhere). A reader never sees a row twice: it skips what another file replaces
and keeps one row per (request_id, position).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        pa.field("request_id", pa.binary(16), nullable=False),
        pa.field("at_s", pa.float64(), nullable=False),
        pa.field("user_id", pa.uint64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("position", pa.int16(), nullable=False),
        pa.field("clicked", pa.bool_(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
    ]
)
"""``at_s`` is the time of the draw, ``user_id`` the keyed hash, ``source`` served or history.
``request_id`` is unique per request, in history too."""

REPLACES = b"selfright.replaces"
"""Parquet metadata: a JSON list of the files whose rows this one holds."""
HOUR_S = 3_600.0
_SERVED_NAME = re.compile(r"served-(\d{8}T\d{2})-(part|hour)-.+\.parquet")
_LISTING_TRIES = 5


def hour_name(at_s: float) -> str:
    """``YYYYMMDDTHH`` of a time, UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H")


def hour_of(path: Path) -> float | None:
    """Start of the hour a served file belongs to; None for history."""
    match = _SERVED_NAME.fullmatch(path.name)
    if match is None:
        return None
    return datetime.strptime(match[1], "%Y%m%dT%H").replace(tzinfo=UTC).timestamp()


def write_rows(folder: Path, name: str, rows: pa.Table, replaces: Iterable[str] = ()) -> Path:
    """Write one file, whole or not at all. ``name`` ends in ``.parquet``.

    Raise ValueError or pyarrow.ArrowInvalid where the rows do not fit the schema.
    """
    table = rows.select(SCHEMA.names).cast(SCHEMA)
    if any(column.null_count for column in table.columns):
        raise ValueError("interactions have no nulls")
    metadata = {REPLACES: json.dumps(sorted(replaces)).encode()}
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / f".{name}.staging"
    try:
        with staging.open("wb") as file:
            pq.write_table(table.replace_schema_metadata(metadata), file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        staging.rename(folder / name)
    finally:
        staging.unlink(missing_ok=True)
    return folder / name


def current_files(folder: Path) -> list[Path]:
    """The files that count, without those another one replaces. Sorted by name."""
    files = sorted(folder.glob("*.parquet"))
    replaced: set[str] = set()
    for path in files:
        if "-hour-" in path.name:
            metadata = pq.read_metadata(path).metadata or {}
            replaced.update(json.loads(metadata.get(REPLACES, b"[]")))
    return [path for path in files if path.name not in replaced]


def read_interactions(
    folder: Path, from_s: float = float("-inf"), to_s: float = float("inf")
) -> pa.Table:
    """Rows of `SCHEMA` with ``from_s <= at_s < to_s``, oldest first, each once.

    A compaction may remove a file while we read; then the listing is read again.
    """
    for _ in range(_LISTING_TRIES):
        try:
            tables = [
                pq.read_table(
                    path,
                    schema=SCHEMA,
                    filters=(pc.field("at_s") >= from_s) & (pc.field("at_s") < to_s),
                )
                for path in current_files(folder)
                if _may_overlap(path, from_s, to_s)
            ]
        except FileNotFoundError:
            continue
        return _once_in_order(pa.concat_tables(tables) if tables else SCHEMA.empty_table())
    raise FileNotFoundError(f"{folder}: files vanished at each of {_LISTING_TRIES} readings")


def _may_overlap(path: Path, from_s: float, to_s: float) -> bool:
    hour_s = hour_of(path)
    return hour_s is None or (hour_s + HOUR_S > from_s and hour_s < to_s)


def _once_in_order(rows: pa.Table) -> pa.Table:
    """One row per (request_id, position): clicked if any copy says so."""
    order = [("at_s", "ascending"), ("request_id", "ascending"), ("position", "ascending")]
    keys = ["request_id", "position"]
    others = [name for name in SCHEMA.names if name not in (*keys, "clicked")]
    once = rows.group_by(keys, use_threads=False).aggregate(
        [("clicked", "any")] + [(name, "first") for name in others]
    )
    columns = [name if name in keys else f"{name}_first" for name in SCHEMA.names]
    columns[SCHEMA.names.index("clicked")] = "clicked_any"
    return once.select(columns).rename_columns(SCHEMA.names).cast(SCHEMA).sort_by(order)

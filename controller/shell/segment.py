"""The bytes of one journal segment: a header, then frames of rows; a torn tail is cut and told.

Frame = length, CRC-32 and unpacked length (three little-endian u32), then that many bytes of
zstd. The first frame is the header (canonical JSON), every other one an Arrow IPC stream.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from controller.errors import BadInput
from controller.shell.canonical import canonical_bytes
from controller.shell.journal_row import ReadingRow, Row
from controller.shell.tick_columns import Columns, TickRows

FORMAT = 1
_FRAME = struct.Struct("<III")
_FRAME_BYTES_MAX = 1 << 30
_CODEC = "zstd"
_READING = pa.struct(
    [
        ("key", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.float64()),
        ("state", pa.dictionary(pa.int32(), pa.string())),
        ("sample_size", pa.int64()),
        ("window_start_s", pa.float64()),
        ("window_end_s", pa.float64()),
        ("note", pa.dictionary(pa.int32(), pa.string())),
    ]
)
_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("at_s", pa.float64()),
        ("kind", pa.string()),
        ("body", pa.string()),
        ("readings", pa.list_(_READING)),
    ]
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as read. ``torn_bytes`` > 0: that many at the end were no whole frame."""

    path: Path
    header: Mapping[str, Any]
    rows: tuple[Row, ...]
    torn_bytes: int


def header_frame(header: Mapping[str, Any]) -> bytes:
    """The first frame of a segment."""
    return _frame(canonical_bytes({**header, "format": FORMAT}))


def rows_frame(rows: Sequence[Row]) -> bytes:
    """One frame holding the rows in order."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _SCHEMA) as writer:
        writer.write_batch(_batch(rows))
    return _frame(sink.getvalue().to_pybytes())


def read_segment(path: Path) -> Segment:
    """Read a whole segment. Raise BadInput when it is not one; a torn tail is not an error."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=str(path)) from None
    frames = list(_frames(data))
    if not frames:
        raise BadInput("is not a journal segment (no whole first frame)", file=str(path))
    try:
        header = json.loads(frames[0][1])
        if header.get("format") != FORMAT:
            raise BadInput(f"has format {header.get('format')!r}, not {FORMAT}", file=str(path))
        rows = tuple(row for _, payload in frames[1:] for row in _rows(payload))
    except (ValueError, AttributeError, pa.ArrowException) as error:
        raise BadInput(f"is not a journal segment: {error}", file=str(path)) from None
    whole = frames[-1][0]
    if _is_damaged(data, whole):
        raise BadInput(
            f"is damaged at byte {whole}: a frame there is not what was written", file=str(path)
        )
    return Segment(path, header, rows, len(data) - whole)


def read_on(path: Path, at: int) -> tuple[Mapping[str, Any] | None, tuple[Row, ...], int]:
    """(header, rows, offset after them) of what is whole from an offset; the header only from 0.

    For a segment that is still written. Raise OSError, or BadInput when it is not a segment.
    """
    with path.open("rb") as stream:
        stream.seek(at)
        frames = list(_frames(stream.read()))
    try:
        header = json.loads(frames[0][1]) if at == 0 and frames else None
        if header is not None and header.get("format") != FORMAT:
            raise BadInput(f"has format {header.get('format')!r}, not {FORMAT}", file=str(path))
        rows = tuple(
            row for _, payload in frames[0 if header is None else 1 :] for row in _rows(payload)
        )
    except (ValueError, pa.ArrowException) as error:
        raise BadInput(f"is not a journal segment: {error}", file=str(path)) from None
    return header, rows, at + (frames[-1][0] if frames else 0)


def _is_damaged(data: bytes, at: int) -> bool:
    """A crash tears only the end: a bad frame with more behind it was changed afterwards."""
    if at + _FRAME.size > len(data):
        return False
    length, _, _ = _FRAME.unpack_from(data, at)
    return bool(at + _FRAME.size + length < len(data))


def whole_bytes(path: Path) -> int:
    """How many bytes from the start are whole frames; what follows them is torn."""
    return max((end for end, _ in _frames(path.read_bytes())), default=0)


def _frame(payload: bytes) -> bytes:
    packed: bytes = pa.Codec(_CODEC).compress(payload, asbytes=True)
    return _FRAME.pack(len(packed), zlib.crc32(packed), len(payload)) + packed


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset after the frame, payload) of every whole frame; stops at the first torn one."""
    at = 0
    while at + _FRAME.size <= len(data):
        length, crc, unpacked = _FRAME.unpack_from(data, at)
        packed = data[at + _FRAME.size : at + _FRAME.size + length]
        if len(packed) < length or zlib.crc32(packed) != crc or unpacked > _FRAME_BYTES_MAX:
            return
        try:
            payload = pa.Codec(_CODEC).decompress(packed, decompressed_size=unpacked, asbytes=True)
        except (OSError, pa.ArrowException):
            return  # the checksum is of what is packed, not of the size before it
        at += _FRAME.size + length
        yield at, payload


def _batch(rows: Sequence[Row]) -> pa.RecordBatch:
    flat = [reading for row in rows for reading in row.readings or ()]
    columns = list(zip(*flat, strict=True)) if flat else [() for _ in ReadingRow._fields]
    structs = pa.StructArray.from_arrays(
        [_column(list(column), kind) for column, kind in zip(columns, _READING, strict=True)],
        fields=list(_READING),
    )
    ends = [0]
    for row in rows:
        ends.append(ends[-1] + len(row.readings or ()))
    return pa.RecordBatch.from_arrays(
        [
            pa.array([row.seq for row in rows], pa.int64()),
            pa.array([row.at_s for row in rows], pa.float64()),
            pa.array([row.kind for row in rows], pa.string()),
            pa.array([row.body for row in rows], pa.string()),
            pa.ListArray.from_arrays(pa.array(ends, pa.int32()), structs),
        ],
        schema=_SCHEMA,
    )


def _column(values: list[Any], kind: pa.Field) -> pa.Array:
    if pa.types.is_dictionary(kind.type):
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, kind.type)


def _rows(payload: bytes) -> Iterator[Row]:
    with pa.ipc.open_stream(payload) as reader:
        for batch in reader:
            readings = batch.column("readings")
            ends = readings.offsets.to_pylist()
            columns = Columns(readings.values)
            plain = (batch.column(name).to_pylist() for name in ("seq", "at_s", "kind", "body"))
            for row, (seq, at_s, kind, body) in enumerate(zip(*plain, strict=True)):
                rows = None if body else TickRows(columns, ends[row], ends[row + 1])
                yield Row(seq, at_s, kind, body, rows)

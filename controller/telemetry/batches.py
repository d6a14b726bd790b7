"""One bus message is one batch of rows: writing it, and reading it as our schema says.

Knows Arrow, JSON lines and headers. Knows nothing of what the rows mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from controller.ports import Message
from controller.telemetry.conform import (
    NotConform,
    conform_batch,
    is_conform,
    refuse_null_structs,
)
from controller.telemetry.json_lines import rows_from_json_lines, rows_to_json_lines
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import (
    HEADER_ENCODING,
    HEADER_PRODUCER_ID,
    HEADER_PRODUCER_SEQ,
    HEADER_REGION,
    HEADER_SERVICE,
    HEADER_VERSION,
    SCHEMA_VERSION,
    SCHEMAS,
)
from controller.telemetry.slab import Slab, SlabPart, as_part

ARROW = "arrow"
JSON_LINES = "jsonl"
MOST_ROWS = 100_000
"""Rows of one message; a batch is what a producer gathered in a fraction of a second."""
MOST_SEQ = 2**62
_NEEDED = (HEADER_VERSION, HEADER_ENCODING, HEADER_PRODUCER_ID, HEADER_PRODUCER_SEQ)

_MARKER = b"\xff\xff\xff\xff"
_OURS: dict[str, bytes] = {}
"""By topic: how the last stream began whose columns were the topic's."""


@dataclass(frozen=True, slots=True)
class TelemetryBatch:
    """Rows of one topic, with exactly our columns, then any ``segment.*`` columns, by name.

    ``part`` says of which slab ``batch`` is a part; None: of none.
    """

    topic: str
    partition: int
    producer_id: str
    producer_seq: int
    service: str
    region: str
    version: int
    batch: pa.RecordBatch
    part: SlabPart | None = None


@dataclass(frozen=True, slots=True)
class BrokenBatch:
    """A message nobody can read: why, and where it is (``selfright.served/0@17``, a line)."""

    reason: str
    place: str


def encode_arrow(topic: str, rows: Sequence[Mapping[str, Any]] | pa.RecordBatch) -> bytes:
    """An Arrow IPC stream of one batch. Raise ValueError on a column the topic does not have."""
    batch = rows if isinstance(rows, pa.RecordBatch) else batch_from_rows(topic, rows)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def encode_json_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The same rows as others may send them; binary ids become hexadecimal text."""
    return rows_to_json_lines(rows)


def headers_for(
    *,
    producer_id: str,
    producer_seq: int,
    service: str,
    region: str = "",
    encoding: str = ARROW,
) -> dict[str, str]:
    """The headers every message carries. ``producer_id`` is new at every start of a producer."""
    return {
        HEADER_VERSION: str(SCHEMA_VERSION),
        HEADER_ENCODING: encoding,
        HEADER_PRODUCER_ID: producer_id,
        HEADER_PRODUCER_SEQ: str(producer_seq),
        HEADER_SERVICE: service,
        HEADER_REGION: region,
    }


def decode(message: Message) -> TelemetryBatch | BrokenBatch:
    """Read one message. Whatever is wrong with it comes back as a value, never as an exception."""
    try:
        version, seq = _numbers(message)
        part = as_part(_rows(message)) if message.columns is None else _columns(message)
    except NotConform as broken:
        place = f"{message.topic}/{message.partition}@{message.offset}"
        where = place if broken.line is None else f"{place}:{broken.line}"
        return BrokenBatch(reason=broken.reason, place=where)
    return TelemetryBatch(
        topic=message.topic,
        partition=message.partition,
        producer_id=message.headers[HEADER_PRODUCER_ID],
        producer_seq=seq,
        service=message.headers.get(HEADER_SERVICE, ""),
        region=message.headers.get(HEADER_REGION, ""),
        version=version,
        batch=part.batch,
        part=part,
    )


def _numbers(message: Message) -> tuple[int, int]:
    """(version, producer_seq) from the headers."""
    if message.topic not in SCHEMAS:
        raise NotConform(f"topic {message.topic!r} is not one of {', '.join(SCHEMAS)}")
    headers = message.headers
    for name in _NEEDED:
        if not headers.get(name):
            raise NotConform(f"header {name} is missing")
    version = _whole(headers, HEADER_VERSION)
    if abs(version - SCHEMA_VERSION) > 1:
        raise NotConform(
            f"version {version} is not within one of {SCHEMA_VERSION}, which this program reads"
        )
    return version, _whole(headers, HEADER_PRODUCER_SEQ)


def _whole(headers: Mapping[str, str], name: str) -> int:
    text = headers[name]
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > MOST_SEQ:
        raise NotConform(f"header {name} is {text[:40]!r}, not a whole number from 0")
    return int(text)


def _columns(message: Message) -> SlabPart:
    """Rows that came by reference: whoever made them shares our memory, and our schema."""
    columns = message.columns
    if not isinstance(columns, (SlabPart, pa.RecordBatch)):
        raise NotConform(f"columns are a {type(columns).__name__}, not a record batch")
    _refuse_too_many(columns.num_rows)
    part = as_part(columns)
    if part.slab.is_of(message.topic):
        if part.slab.once(("holds null", message.topic), lambda: _holds_null(message, part.slab)):
            refuse_null_structs(message.topic, part.batch)
        return part
    return as_part(conform_batch(message.topic, pa.Table.from_batches([part.batch])))


def _holds_null(message: Message, slab: Slab) -> bool:
    """Whether some part of a slab is to be refused."""
    try:
        refuse_null_structs(message.topic, slab.batch)
    except NotConform:
        return True
    return False


def _refuse_too_many(rows: int) -> None:
    if rows > MOST_ROWS:
        raise NotConform(f"{rows} rows are more than {MOST_ROWS}")


def _rows(message: Message) -> pa.RecordBatch:
    encoding = message.headers[HEADER_ENCODING]
    if encoding == JSON_LINES:
        return rows_from_json_lines(message.topic, message.value, MOST_ROWS)
    if encoding != ARROW:
        raise NotConform(f"encoding {encoding!r} is not {ARROW} or {JSON_LINES}")
    try:
        with pa.ipc.open_stream(message.value) as stream:
            batches = list(stream)
            schema = stream.schema
        for batch in batches:
            batch.validate(full=True)
        as_ours = len(batches) == 1 and _is_ours(message, schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise NotConform(f"not an Arrow stream: {str(error).splitlines()[0][:200]}") from error
    _refuse_too_many(sum(batch.num_rows for batch in batches))
    if as_ours:
        refuse_null_structs(message.topic, batches[0])
        return batches[0]
    return conform_batch(message.topic, pa.Table.from_batches(batches, schema))


def _is_ours(message: Message, schema: pa.Schema) -> bool:
    """Whether the columns are the topic's, which the same first bytes tell sooner."""
    value, topic = message.value, message.topic
    if value.startswith(_OURS.get(topic, b"nothing")):
        return True
    if not is_conform(topic, schema):
        return False
    # A stream begins with a marker, a length, and so much of its schema.
    if value.startswith(_MARKER):
        _OURS[topic] = value[: 8 + int.from_bytes(value[4:8], "little")]
    return True

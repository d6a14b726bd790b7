"""What is sent is what is read, from any release next to ours, in either encoding."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.ports import Message
from controller.telemetry.batches import (
    TelemetryBatch,
    decode,
    encode_arrow,
    encode_json_lines,
    headers_for,
)
from controller.telemetry.rows import RowBuffer, batch_from_columns, batch_from_rows
from controller.telemetry.schema import (
    CHANGE,
    OPERATOR,
    OUTCOME,
    SCHEMA_VERSION,
    SCHEMAS,
    SERVED,
    TOPICS,
    WORK,
)

GOLDEN = Path(__file__).parent / "golden"
SMALL_TOPICS = {
    WORK: {"at_s": 5.0, "work_id": "w1", "kind": "train", "status": "done", "version": "v2"},
    OPERATOR: {"at_s": 5.0, "command_id": "c1", "who": "ana", "verb": "freeze", "target": "all"},
    CHANGE: {"at_s": 5.0, "kind": "deploy", "what": "router 7", "who": "ci"},
}


def rows_of(batch: object) -> list[dict]:
    assert isinstance(batch, TelemetryBatch), batch
    return batch.batch.to_pylist()


def test_golden_file_of_version_1_reads_as_it_was_written(message) -> None:
    read = decode(message((GOLDEN / "served-v1.arrow").read_bytes(), version="1"))
    first, second = rows_of(read)
    assert first["request_id"] == bytes(range(16))
    assert first["unit_id"] == 2**64 - 1
    assert [a["result"] for a in first["attempts"]] == ["late", "ok"]
    assert first["propensities"][1] == {"arm": "fallback", "chance": 0.02}
    assert first["segment.platform"] == "ios"
    assert second["outcome"] == "shed"
    assert second["attempts"] is None
    assert read.batch.schema.names[: len(SCHEMAS[SERVED])] == SCHEMAS[SERVED].names


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, SCHEMA_VERSION, SCHEMA_VERSION + 1])
def test_neighbouring_versions_are_read(message, version: int) -> None:
    read = decode(message(encode_arrow(SERVED, [{"arm": "primary"}]), version=str(version)))
    assert isinstance(read, TelemetryBatch)
    assert read.version == version


def test_missing_columns_are_null_and_unknown_ones_are_left_out(message) -> None:
    nested = pa.list_(pa.struct([("arm", pa.string()), ("colour", pa.string())]))
    table = pa.table(
        {
            "arm": pa.array(["primary"], pa.large_string()),
            "latency_ms": pa.array([12], pa.int64()),
            "attempts": pa.array([[{"arm": "primary", "colour": "red"}]], nested),
            "mood": ["good"],
            "segment.platform": ["ios"],
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    (row,) = rows_of(decode(message(sink.getvalue().to_pybytes(), version=str(SCHEMA_VERSION + 1))))
    assert (row["arm"], row["latency_ms"], row["segment.platform"]) == ("primary", 12.0, "ios")
    assert row["attempts"][0]["arm"] == "primary"
    assert row["attempts"][0]["elapsed_ms"] is None
    assert row["at_s"] is None
    assert "mood" not in row
    assert "colour" not in row["attempts"][0]


def test_columns_are_looked_at_anew_when_a_stream_begins_otherwise(message) -> None:
    ours = batch_from_rows(SERVED, [{"at_s": 1.0}])
    other = ours.append_column("colour", pa.array(["red"]))
    for batch in (ours, ours, other, ours, other.select(other.schema.names[::-1])):
        read = decode(message(encode_arrow(SERVED, batch)))
        assert read.batch.equals(ours)


def test_a_stream_of_several_batches_is_one_batch(message) -> None:
    one, two = (batch_from_rows(SERVED, [{"arm": arm}]) for arm in ("primary", "fallback"))
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_stream(sink, one.schema, options=options) as writer:
        writer.write_batch(one)
        writer.write_batch(two)
    rows = rows_of(decode(message(sink.getvalue().to_pybytes())))
    assert [row["arm"] for row in rows] == ["primary", "fallback"]


@pytest.mark.parametrize("topic", list(SMALL_TOPICS))
@pytest.mark.parametrize("encoding", ["arrow", "jsonl"])
def test_work_operator_and_change_travel_in_both_encodings(message, topic, encoding) -> None:
    encode = encode_json_lines if encoding == "jsonl" else lambda rows: encode_arrow(topic, rows)
    value = encode([SMALL_TOPICS[topic]])
    (row,) = rows_of(decode(message(value, topic=topic, encoding=encoding)))
    assert {k: v for k, v in row.items() if v is not None} == SMALL_TOPICS[topic]


def test_ids_in_json_lines_are_hexadecimal(message) -> None:
    line = b'{"request_id": "000102030405060708090a0b0c0d0e0f", "kind": "click"}\n\n'
    (row,) = rows_of(decode(message(line, topic=OUTCOME, encoding="jsonl")))
    assert row["request_id"] == bytes(range(16))


@given(
    at_s=st.floats(0, 4e9),
    arm=st.none() | st.text(max_size=8),
    ages=st.lists(st.floats(0, 1e6), max_size=3),
    request_id=st.binary(min_size=16, max_size=16),
)
@settings(max_examples=40)
def test_both_encodings_carry_the_same_rows(at_s, arm, ages, request_id) -> None:
    row = {
        "request_id": request_id,
        "at_s": at_s,
        "arm": arm,
        "feature_ages": [{"group": "g", "age_s": age} for age in ages],
    }
    read = []
    for encoding, value in (
        ("arrow", encode_arrow(SERVED, [row])),
        ("jsonl", encode_json_lines([row])),
    ):
        head = headers_for(producer_id="p", producer_seq=1, service="s", encoding=encoding)
        read.append(rows_of(decode(Message(SERVED, 0, 0, "t", value, head))))
    assert read[0] == read[1]
    assert read[0][0]["at_s"] == at_s


@pytest.mark.parametrize("topic", TOPICS)
def test_an_empty_batch_has_the_columns_of_its_topic(message, topic: str) -> None:
    read = decode(message(encode_arrow(topic, []), topic=topic))
    assert read.batch.num_rows == 0
    assert read.batch.schema.names == SCHEMAS[topic].names


def test_buffer_rows_and_columns_make_the_same_batch() -> None:
    rows = [{"at_s": float(n), "arm": "primary", "segment.platform": "ios"} for n in range(3)]
    buffer = RowBuffer(SERVED)
    for row in rows:
        buffer.add(row)
    assert len(buffer) == 3
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert buffer.take().equals(batch_from_columns(SERVED, columns))
    assert len(buffer) == 0


def test_our_own_misspelt_column_crashes() -> None:
    with pytest.raises(ValueError, match="'latency'"):
        encode_arrow(SERVED, [{"latency": 3.0}])


def test_json_lines_refuse_to_write_what_is_not_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_json_lines([{"at_s": math.nan}])

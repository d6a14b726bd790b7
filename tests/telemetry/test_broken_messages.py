"""Whatever arrives, reading it gives a batch or a reason with a place, and never an exception."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.ports import Message
from controller.telemetry.batches import BrokenBatch, TelemetryBatch, decode, encode_arrow
from controller.telemetry.batches import headers_for as headers
from controller.telemetry.schema import OUTCOME, SCHEMA_VERSION, SERVED

GOOD = encode_arrow(SERVED, [{"arm": "primary", "at_s": 5.0, "defaulted": ["a", "b"]}] * 3)


def reason(found: object) -> str:
    assert isinstance(found, BrokenBatch), found
    assert found.place.startswith("selfright.")
    return found.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": None}, "header version is missing"),
        ({"version": "one"}, "'one', not a whole number"),
        ({"version": str(SCHEMA_VERSION + 2)}, f"version {SCHEMA_VERSION + 2} is not within one"),
        ({"producer_id": None}, "header producer_id is missing"),
        ({"producer_seq": "-1"}, "'-1', not a whole number"),
        ({"producer_seq": "9" * 30}, "not a whole number"),
        ({"encoding": "csv"}, "encoding 'csv' is not arrow or jsonl"),
    ],
    ids=lambda case: str(case)[:40],
)
def test_bad_headers_are_named(message, change, said) -> None:
    assert said in reason(decode(message(GOOD, **change)))


def test_unknown_topic_is_named(message) -> None:
    assert "'selfright.weather' is not one of" in reason(
        decode(message(GOOD, topic="selfright.weather"))
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b'{"at_s": 1}\n{"at_s": "soon"}\n', 2, "at_s is not double"),
        (b'{"at_s": 1}\n\n[1]\n', 3, "not a JSON object"),
        (b'{"at_s": 1}\n{"at_s": 1', 2, "not JSON"),
        (b'{"at_s": NaN}\n', 1, "NaN is not JSON"),
        (b'{"request_id": "00ff"}\n', 1, "request_id is not fixed_size_binary"),
        (b'{"request_id": "zz"}\n', 1, "request_id"),
        (b'{"request_id": 7}\n', 1, "request_id"),
        (b'{"at_s": true}\n', 1, "not numbers"),
        (b'{"clicked_positions": [1, "two"]}\n', 1, "clicked_positions"),
        (b'{"at_s": 1}\n\xff\n', 2, "not UTF-8"),
        (b"[" * 100_000, 1, "not JSON"),
    ],
    ids=lambda case: str(case)[:30],
)
def test_bad_json_line_is_named_by_its_number(message, text, line, said) -> None:
    found = decode(message(text, topic=OUTCOME, encoding="jsonl"))
    assert said in reason(found)
    assert found.place == f"{OUTCOME}/0@17:{line}"


def test_whole_number_columns_refuse_fractions(message) -> None:
    found = decode(message(b'{"plan_epoch": 1.5}\n', encoding="jsonl"))
    assert "1.5 is not a whole number" in reason(found)


def test_a_column_of_another_kind_is_named(message) -> None:
    table = pa.table({"at_s": pa.array([["soon"]])})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert "column at_s is not double" in reason(decode(message(sink.getvalue().to_pybytes())))


def test_a_column_that_is_there_twice_is_named(message) -> None:
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["at_s", "at_s"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert "at_s is there 2 times" in reason(decode(message(sink.getvalue().to_pybytes())))


@given(cut=st.integers(0, len(GOOD) - 1), flip=st.integers(0, 255), at=st.integers(0, 10_000))
@settings(max_examples=150)
def test_torn_and_flipped_streams_never_raise(cut: int, flip: int, at: int) -> None:
    flipped = bytearray(GOOD)
    flipped[at % len(GOOD)] ^= flip
    for value in (GOOD[:cut], bytes(flipped)):
        head = headers(producer_id="p", producer_seq=0, service="s")
        found = decode(Message(SERVED, 0, 0, "t", value, head))
        assert isinstance(found, BrokenBatch | TelemetryBatch)
        if isinstance(found, TelemetryBatch):
            found.batch.to_pylist()

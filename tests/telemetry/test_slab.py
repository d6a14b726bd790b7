"""Rows that come by reference: what decoding takes, refuses, and makes only once."""

from __future__ import annotations

import pyarrow as pa
import pytest

from controller.ports import Message
from controller.telemetry.batches import BrokenBatch, TelemetryBatch, decode, headers_for
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import CHANGE, OPERATOR
from controller.telemetry.slab import Slab

ROWS = [{"at_s": float(n), "kind": "deploy", "what": f"router {n}", "who": "ci"} for n in range(5)]
HEAD = headers_for(producer_id="one", producer_seq=0, service="shop")


def message(columns: object, topic: str = CHANGE) -> Message:
    return Message(topic, 0, 7, "id", b"", HEAD, None, columns)


def test_a_part_is_its_rows_of_the_slab() -> None:
    decoded = decode(message(Slab(batch_from_rows(CHANGE, ROWS)).part(1, 3)))
    assert isinstance(decoded, TelemetryBatch)
    assert decoded.batch.to_pylist() == ROWS[1:4]
    assert (decoded.service, decoded.producer_seq) == ("shop", 0)


def test_a_batch_is_taken_as_it_is() -> None:
    batch = batch_from_rows(CHANGE, ROWS)
    decoded = decode(message(batch))
    assert isinstance(decoded, TelemetryBatch)
    assert decoded.batch.equals(batch)


@pytest.mark.parametrize("as_part", [False, True])
def test_columns_of_another_shape_are_made_ours(as_part: bool) -> None:
    foreign = pa.record_batch({"who": ["ci", "ann"], "colour": ["red", "blue"]})
    decoded = decode(message(Slab(foreign).part(1, 1) if as_part else foreign.slice(1, 1)))
    assert isinstance(decoded, TelemetryBatch)
    assert decoded.batch.to_pylist() == [{"at_s": None, "kind": None, "what": None, "who": "ann"}]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"at_s": [1.0]}, "columns are a dict, not a record batch"),
        (pa.record_batch({"at_s": ["noon"]}), "column at_s is not double"),
        (pa.nulls(100_001).cast(pa.int8()), "not a record batch"),
        (pa.record_batch({"at_s": pa.nulls(100_001, pa.float64())}), "100001 rows are more than"),
    ],
)
def test_what_is_no_batch_of_ours_is_broken_and_says_why(columns: object, reason: str) -> None:
    broken = decode(message(columns))
    assert isinstance(broken, BrokenBatch)
    assert reason in broken.reason
    assert broken.place == f"{CHANGE}/0@7"


def test_a_part_of_another_topic_is_not_passed_off_as_ours() -> None:
    decoded = decode(message(Slab(batch_from_rows(CHANGE, ROWS)).part(0, 1), OPERATOR))
    assert isinstance(decoded, TelemetryBatch)
    assert decoded.batch.column("verb").to_pylist() == [None]


def test_what_is_made_of_a_slab_is_made_once() -> None:
    slab, made = Slab(batch_from_rows(CHANGE, ROWS)), []
    for start in range(3):
        part = slab.part(start, 1)
        assert part.slab.once("who", lambda: made.append(1) or len(made)) == 1
    assert made == [1]


@pytest.mark.parametrize(("start", "count"), [(-1, 2), (4, 2), (6, 0), (2, -1)])
def test_a_part_beyond_the_slab_is_our_mistake(start: int, count: int) -> None:
    with pytest.raises(ValueError, match="of 5"):
        Slab(batch_from_rows(CHANGE, ROWS)).part(start, count)

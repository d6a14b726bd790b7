"""Null anywhere within a message's columns stops neither the intake nor the monitors."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.monitors.counting.batch_view import BatchView
from controller.monitors.data.drift_tally import DriftTally
from controller.monitors.layers import MONITORS
from controller.monitors.model.attribution import AttributionTally
from controller.monitors.monitor_set import MonitorSet
from controller.ports import Message
from controller.settings import Settings
from controller.shell.intake import Intake
from controller.telemetry.batches import encode_arrow, encode_json_lines, headers_for
from controller.telemetry.ledger import Ledger
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import MODEL, OUTCOME, REPLICA, SCHEMAS, SERVED
from tests.monitors.telemetry_rows import T0, batch_of, served

SETTINGS = Settings(attribution_window_s=10.0)
BINS = {"feature": "clicks", "edges": [1.0, 2.0], "counts": [9, 9, 9], "null_count": 1}
MODEL_ROW = {"at_s": T0, "arm": "primary", "status": "serving", "version": "v1", "sha256": "ab"}
WORDS = st.sampled_from(["", "primary", "ok", "clicks", "user_recent", "v1", "click"])


class Buried:
    """A dead-letter topic that keeps what it is given."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []

    def send(self, *_: Any, headers: dict[str, str], **__: Any) -> bool:
        self.headers.append(headers)
        return True


def intake() -> tuple[Intake, Buried]:
    buried = Buried()
    return Intake("recommender", MonitorSet(SETTINGS), Ledger(), buried), buried


def message(topic: str, rows: list[dict[str, Any]], encoding: str, seq: int = 0) -> Message:
    write = {"arrow": lambda: encode_arrow(topic, rows), "jsonl": lambda: encode_json_lines(rows)}
    head = headers_for(producer_id="p", producer_seq=seq, service="recommender", encoding=encoding)
    return Message(topic, 0, 17, "t", write[encoding](), head)


@pytest.mark.parametrize("encoding", ["arrow", "jsonl"])
def test_a_reference_that_holds_null_is_a_broken_message_with_a_place(encoding: str) -> None:
    taking, buried = intake()
    rows = [MODEL_ROW | {"reference": [BINS]}, MODEL_ROW | {"reference": [BINS, None]}]
    taking.take([message(MODEL, rows, encoding)], T0)
    assert taking.broken[MODEL] == 1
    (told,) = buried.headers
    assert told["reason"].startswith("reference holds null where a struct belongs")
    assert told["place"] == f"{MODEL}/0@17" + (":2" if encoding == "jsonl" else "")


def test_rows_by_reference_are_refused_where_they_hold_null() -> None:
    taking, _ = intake()
    rows = [served(T0), served(T0, attempts=[None]), served(T0)]
    head = headers_for(producer_id="p", producer_seq=0, service="recommender")
    columns = batch_from_rows(SERVED, rows)
    taking.take([Message(SERVED, 0, 0, "t", b"", head, columns=columns)], T0)
    assert taking.broken[SERVED] == 1


@pytest.mark.parametrize("tally", [DriftTally(), AttributionTally()], ids=["drift", "attribution"])
def test_a_reference_is_read_without_what_is_null_in_it(tally: Any) -> None:
    reference = [None, BINS | {"mean_contribution": 1.0}, {}]
    rows = batch_from_rows(MODEL, [MODEL_ROW | {"reference": reference}])
    tally.update(BatchView(MODEL, 0, rows))
    assert set(tally.references) == {"primary"}


def values_of(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Any value of a column's kind, null at every level."""
    if pa.types.is_list(kind):
        found: st.SearchStrategy[Any] = st.lists(values_of(kind.value_type), max_size=3)
    elif pa.types.is_struct(kind):
        found = st.fixed_dictionaries({f.name: values_of(f.type) for f in kind})
    elif pa.types.is_fixed_size_binary(kind):
        found = st.sampled_from([bytes(16), b"\x01" * 16])
    elif pa.types.is_boolean(kind):
        found = st.booleans()
    elif pa.types.is_integer(kind):
        found = st.integers(0, 100)
    elif pa.types.is_floating(kind):
        found = st.sampled_from([0.0, 0.5, -1.0, 1e30, float("inf"), float("nan")])
    else:
        found = WORDS
    return st.one_of(st.none(), found)


def rows_of(topic: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    columns = {f.name: values_of(f.type) for f in SCHEMAS[topic]}
    for name in SCHEMAS[topic].names:
        if name in ("at_s", "done_at_s", "received_at_s", "served_at_s"):
            columns[name] = st.sampled_from([T0, T0, T0 + 1.0, None])
    if topic == MODEL:
        columns |= {"status": st.just("serving"), "arm": st.just("primary")}
    return st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=3)


@pytest.mark.parametrize("topic", [SERVED, OUTCOME, REPLICA, MODEL])
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_null_at_any_level_stops_nobody(topic: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(topic))
    taking, _ = intake()
    taking.take([message(MODEL, [MODEL_ROW | {"reference": [BINS]}], "arrow")], T0)
    taking.take([message(topic, rows, "arrow", 1), message(SERVED, [served(T0)], "arrow", 2)], T0)
    direct = MonitorSet(SETTINGS)
    direct.update(batch_of(MODEL, [MODEL_ROW | {"reference": [BINS]}]), T0)
    direct.update(batch_of(topic, rows), T0)
    assert len(dict(direct.read(T0 + 2.0, True))) > len(MONITORS)
    direct.snapshot()

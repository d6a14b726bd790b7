"""Telemetry never holds up who puts it, is bounded, and counts what is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import pytest

from controller.errors import Unavailable
from controller.ports import BusWriter, Message
from controller.telemetry.batches import TelemetryBatch, decode
from controller.telemetry.schema import CHANGE
from serving.telemetry_buffer import LINGER_S, SEND_AT_S, TelemetryBuffer, until_next_s


class Bus(BusWriter):
    """Keeps what it took; `open` decides whether it takes anything, `hold` blocks it."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.open = True
        self.hold = threading.Event()
        self.hold.set()
        self.lost_batches = 0

    def send(
        self,
        topic: str,
        value: bytes,
        *,
        headers: Mapping[str, str],
        partition: int | None = None,
        key: bytes | None = None,
    ) -> bool:
        self.hold.wait()
        if self.open:
            offset = len(self.taken)
            self.taken.append(Message(topic, partition or 0, offset, "t", value, headers))
        return self.open

    def flush(self, timeout_s: float) -> bool:
        return True

    def lost(self) -> int:
        return self.lost_batches

    def close(self) -> None:
        return

    def batches(self) -> list[TelemetryBatch]:
        decoded = [decode(message) for message in self.taken]
        assert all(isinstance(batch, TelemetryBatch) for batch in decoded)
        return decoded  # type: ignore[return-value]

    def whats(self) -> list[str]:
        return [what for b in self.batches() for what in b.batch.column("what").to_pylist()]


def buffer_to(open_writer: Callable[[], BusWriter], most: int = 100) -> TelemetryBuffer:
    return TelemetryBuffer(open_writer, service="s", region="r", partition=0, most_rows_held=most)


def row(what: str) -> dict[str, object]:
    return {"at_s": 1.0, "kind": "deploy", "what": what, "who": "test"}


def eventually(condition: Callable[[], bool], cap_s: float = 30.0) -> None:
    give_up_s = time.monotonic() + cap_s
    while not condition():
        assert time.monotonic() < give_up_s, "it never came true"
        time.sleep(0.01)


def test_rows_arrive_in_order_with_counted_batches() -> None:
    bus = Bus()
    buffer = buffer_to(lambda: bus)
    buffer.start()
    for i in range(10):
        buffer.put(CHANGE, row(str(i)))
    eventually(lambda: len(bus.taken) >= 1)
    buffer.put(CHANGE, row("later"))
    buffer.close()
    assert bus.whats() == [*(str(i) for i in range(10)), "later"]
    assert [b.producer_seq for b in bus.batches()] == list(range(len(bus.taken)))
    assert len({b.producer_id for b in bus.batches()}) == 1


def test_rows_go_to_the_partition_they_name() -> None:
    bus = Bus()
    buffer = buffer_to(lambda: bus)
    buffer.put(CHANGE, row("own"))
    buffer.put(CHANGE, row("other"), partition=3)
    buffer.start()
    buffer.close()
    assert sorted(b.partition for b in bus.batches()) == [0, 3]
    assert [b.producer_seq for b in bus.batches()] == [0, 0]


def test_a_bus_that_hangs_holds_up_nobody_and_the_oldest_are_counted() -> None:
    bus = Bus()
    bus.hold.clear()
    buffer = buffer_to(lambda: bus, most=50)
    buffer.start()
    buffer.put(CHANGE, row("first"))
    eventually(lambda: buffer.waiting_rows() == 0)  # the thread took it and now hangs
    for i in range(200):
        buffer.put(CHANGE, row(str(i)))
    assert buffer.waiting_rows() == 50
    assert buffer.dropped_rows() == 150
    bus.hold.set()
    buffer.close()
    assert bus.whats() == ["first", *(str(i) for i in range(150, 200))]


def test_what_a_full_bus_refuses_waits_and_goes_out_later_without_a_gap() -> None:
    bus = Bus()
    bus.open = False
    buffer = buffer_to(lambda: bus)
    buffer.start()
    for i in range(5):
        buffer.put(CHANGE, row(str(i)))
    time.sleep(0.3)
    bus.open = True
    eventually(lambda: len(bus.taken) > 0)
    buffer.close()
    assert bus.whats() == [str(i) for i in range(5)]
    assert [b.producer_seq for b in bus.batches()] == list(range(len(bus.taken)))
    assert buffer.dropped_rows() == 0


def test_a_broker_that_comes_late_gets_what_waited() -> None:
    bus = Bus()
    there = threading.Event()

    def open_writer() -> BusWriter:
        if not there.is_set():
            raise Unavailable("no broker")
        return bus

    buffer = buffer_to(open_writer)
    buffer.start()
    buffer.put(CHANGE, row("early"))
    time.sleep(0.3)
    assert buffer.waiting_rows() == 1
    there.set()
    eventually(lambda: bus.whats() == ["early"])
    buffer.close()


def test_batches_the_bus_lost_count_as_dropped_rows() -> None:
    bus = Bus()
    buffer = buffer_to(lambda: bus)
    buffer.start()
    for i in range(4):
        buffer.put(CHANGE, row(str(i)))
    eventually(lambda: len(bus.taken) >= 1)
    bus.lost_batches = len(bus.taken)
    eventually(lambda: buffer.dropped_rows() == 4)
    buffer.close()


@pytest.mark.parametrize("now_s", [0.0, 0.2, 1_700_000_000.1, 1_700_000_000.69, 1_700_000_000.99])
def test_batches_go_out_at_the_same_places_of_every_second(now_s: float) -> None:
    pause_s = until_next_s(now_s)
    assert 0.0 < pause_s <= LINGER_S
    place_s = (now_s + pause_s - SEND_AT_S) % LINGER_S
    assert min(place_s, LINGER_S - place_s) < 1e-6

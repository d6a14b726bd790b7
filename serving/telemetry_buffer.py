"""Telemetry on its way out: rows wait here in bounded rings until a thread sends them.

`put` never blocks and never raises for what the world does: serving goes on without a broker. What
did not fit is counted, oldest first. Encoding, sending and reconnecting happen in the thread.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

from controller.adapters.kafka_bus import KafkaBusWriter
from controller.errors import WorldError
from controller.ports import BusWriter
from controller.settings import Settings
from controller.telemetry.batches import encode_arrow, headers_for
from controller.telemetry.schema import SERVED
from serving.served_batch import served_batch
from serving.served_row import ServedRow

LINGER_S = 0.5
SEND_AT_S = 0.2
"""Batches go out at 0.2 and 0.7 of each second by the clock: a batch costs 1 ms of CPU however few
its rows, and the controller closes a second half a second after its end. By then all is there."""
MOST_ROWS_HELD = 20_000
"""Per topic: 20 s at 1,000 requests/s, and a few ten MB."""
MOST_ROWS_A_BATCH = 2_000
RECONNECT_S = 1.0
Row = Mapping[str, Any] | ServedRow
"""A served row becomes columns in the sending thread, with all others of its batch: made one by
one, each between two requests, rows cost several times as much, and their requests wait."""
_Queued = tuple[int | None, Row]
"""The partition it names, or None for this producer's own."""
_Ring = deque[_Queued]
_log = logging.getLogger(__name__)


class TelemetryBuffer:
    """``open_writer`` may raise WorldError; it is tried again each second."""

    def __init__(
        self,
        open_writer: Callable[[], BusWriter],
        *,
        service: str,
        region: str,
        partition: int,
        most_rows_held: int = MOST_ROWS_HELD,
    ) -> None:
        self._open_writer = open_writer
        self._service = service
        self._region = region
        self._partition = partition
        self._most_rows = most_rows_held
        self._producer_id = uuid.uuid4().hex
        self._seqs: dict[tuple[str, int], int] = defaultdict(int)
        self._rings: dict[str, _Ring] = {}
        self._lock = threading.Lock()
        """For taking out of rings, and for new ones; a `put` appends without it."""
        self._overflowed_rows = 0
        self._sent_rows = 0
        self._sent_batches = 0
        self._lost_batches = 0
        self._writer: BusWriter | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, topic: str, row: Row, partition: int | None = None) -> None:
        """Queue one row: a `ServedRow` for `served`, else values by their columns.

        ``partition``: another than this producer's own, for outcomes.
        """
        ring = self._rings.get(topic)
        if ring is None:
            with self._lock:
                ring = self._rings.setdefault(topic, deque())
        if len(ring) >= self._most_rows:
            self._drop_oldest(ring, self._most_rows - 1)
        ring.append((partition, row))

    def _drop_oldest(self, ring: _Ring, most: int) -> None:
        with self._lock:
            while len(ring) > most:
                ring.popleft()
                self._overflowed_rows += 1

    def dropped_rows(self) -> int:
        """Rows that will never arrive. A lost batch counts as the mean rows of a batch."""
        mean = self._sent_rows / self._sent_batches if self._sent_batches else 1.0
        return self._overflowed_rows + round(self._lost_batches * mean)

    def waiting_rows(self) -> int:
        with self._lock:
            return sum(len(ring) for ring in self._rings.values())

    def close(self, timeout_s: float = 2.0) -> None:
        """Send what waits, within the time."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        pause_s = until_next_s(time.time())
        while not self._stop.wait(pause_s):
            pause_s = until_next_s(time.time()) if self._send_all() else RECONNECT_S
        self._send_all()
        if self._writer is not None:
            self._writer.flush(1.0)
            self._writer.close()

    def _send_all(self) -> bool:
        """False: the bus took not everything; what it refused waits on."""
        if self._writer is None:
            try:
                self._writer = self._open_writer()
            except WorldError as error:
                _log.warning("telemetry waits: %s", error)
                return False
        refused = {
            topic: rest for topic, rows in self._take().items() if (rest := self._send(topic, rows))
        }
        self._lost_batches = self._writer.lost()
        if refused:
            self._put_back(refused)
        return not refused

    def _take(self) -> dict[str, list[_Queued]]:
        with self._lock:
            rings = [(topic, ring) for topic, ring in self._rings.items() if ring]
            return {topic: [ring.popleft() for _ in range(len(ring))] for topic, ring in rings}

    def _send(self, topic: str, taken: list[_Queued]) -> list[_Queued]:
        """Send by partition; return what was refused, in order."""
        by_partition: dict[int, list[Row]] = defaultdict(list)
        for named, row in taken:
            by_partition[self._partition if named is None else named].append(row)
        refused: list[_Queued] = []
        for partition, rows in by_partition.items():
            for start in range(0, len(rows), MOST_ROWS_A_BATCH):
                batch = rows[start : start + MOST_ROWS_A_BATCH]
                if not self._send_batch(topic, partition, batch):
                    refused += [(partition, row) for row in rows[start:]]
                    break
        return refused

    def _send_batch(self, topic: str, partition: int, rows: list[Row]) -> bool:
        assert self._writer is not None
        headers = headers_for(
            producer_id=self._producer_id,
            producer_seq=self._seqs[topic, partition],
            service=self._service,
            region=self._region,
        )
        value = encode_arrow(topic, served_batch(rows) if topic == SERVED else rows)  # type: ignore[arg-type]
        if not self._writer.send(topic, value, headers=headers, partition=partition):
            return False
        self._seqs[topic, partition] += 1
        self._sent_rows += len(rows)
        self._sent_batches += 1
        return True

    def _put_back(self, refused: Mapping[str, list[_Queued]]) -> None:
        for topic, rest in refused.items():
            ring = self._rings[topic]
            ring.extendleft(reversed(rest))
            self._drop_oldest(ring, self._most_rows)


def until_next_s(now_s: float) -> float:
    """Seconds from ``now_s`` (since 1970) to the next sending."""
    return LINGER_S - (now_s - SEND_AT_S) % LINGER_S


def open_telemetry(settings: Settings, producer: str) -> TelemetryBuffer:
    """A started buffer to the settings' broker; ``producer`` picks its partition."""
    buffer = telemetry_to_broker(settings, producer)
    buffer.start()
    return buffer


def telemetry_to_broker(settings: Settings, producer: str) -> TelemetryBuffer:
    """The same, not started."""
    return TelemetryBuffer(
        lambda: KafkaBusWriter(settings.endpoints.kafka, partitions=settings.partitions),
        service=settings.service,
        region=settings.region,
        partition=own_partition(settings, producer),
    )


def own_partition(settings: Settings, producer: str) -> int:
    """The partition a producer sends to and mints request ids of."""
    return zlib.crc32(producer.encode()) % settings.partitions

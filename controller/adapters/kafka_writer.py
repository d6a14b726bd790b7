"""Writes to Kafka from a thread of its own, so that whoever sends never waits for a broker."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from kafka import KafkaProducer

from controller.adapters.kafka_client import open_client
from controller.adapters.kafka_topics import (
    ALL_TOPICS,
    KAFKA_ERRORS,
    TopicWatch,
    addresses,
    is_reachable,
    prepare_client,
)
from controller.ports import BusWriter

LOG = logging.getLogger(__name__)

LARGEST_MESSAGE_BYTES = 1_000_000
"""Brokers take 1 MiB by default."""
MAX_BLOCK_MS = 50
RETRY_S = 0.1


@dataclass(frozen=True, slots=True)
class _Queued:
    topic: str
    value: bytes
    headers: list[tuple[str, bytes]]
    partition: int | None
    key: bytes | None
    given_up_at_s: float
    """Monotonic: later than this it is lost."""


class KafkaBusWriter(BusWriter):
    """At least once and in order per partition; what is older than ``give_up_s`` is lost.

    ``send`` only puts a message into a bounded buffer (microseconds), and is safe from any thread.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        partitions: int = 1,
        buffer_mb: float = 16.0,
        give_up_s: float = 10.0,
    ) -> None:
        prepare_client()
        addresses(bootstrap)
        self._bootstrap = bootstrap
        self._give_up_s = give_up_s
        self._buffer_bytes = int(buffer_mb * 1e6)
        self._buffered_bytes = 0
        """Queued here or on their way: what the limit counts."""
        self._queue: deque[_Queued] = deque()
        self._unsettled = 0
        self._lost = 0
        self._refused = 0
        self._closing = False
        self._changed = threading.Condition()
        self._producer: KafkaProducer | None = None
        self._watch = TopicWatch(bootstrap, ALL_TOPICS, partitions, interval_s=1.0)
        self._thread = threading.Thread(target=self._run, name="bus-writer", daemon=True)
        self._thread.start()

    def send(
        self,
        topic: str,
        value: bytes,
        *,
        headers: Mapping[str, str],
        partition: int | None = None,
        key: bytes | None = None,
    ) -> bool:
        queued = _Queued(
            topic,
            value,
            [(name, text.encode()) for name, text in headers.items()],
            partition,
            key,
            time.monotonic() + self._give_up_s,
        )
        with self._changed:
            is_too_much = self._buffered_bytes + len(value) > self._buffer_bytes
            if self._closing or is_too_much or len(value) > LARGEST_MESSAGE_BYTES:
                self._refused += 1
                return False
            self._queue.append(queued)
            self._unsettled += 1
            self._buffered_bytes += len(value)
            self._changed.notify_all()
        return True

    def flush(self, timeout_s: float) -> bool:
        lost_before = self._lost
        with self._changed:
            settled = self._changed.wait_for(lambda: self._unsettled == 0, timeout_s)
        return settled and self._lost == lost_before

    def lost(self) -> int:
        return self._lost

    def refused(self) -> int:
        """How many `send` calls were answered False since the start."""
        return self._refused

    def is_up(self) -> bool:
        """Whether the broker answered lately."""
        return self._watch.is_up()

    def close(self) -> None:
        """Give what is queued two seconds; what remains then is lost."""
        self.flush(2.0)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(10.0)
        self._watch.close()

    def _run(self) -> None:
        while (queued := self._next()) is not None:
            self._deliver(queued)
        if self._producer is not None:
            self._producer.close(timeout=0.5)
        with self._changed:
            self._lost += self._unsettled
            self._unsettled = 0
            self._queue.clear()

    def _next(self) -> _Queued | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            return None if self._closing else self._queue.popleft()

    def _deliver(self, queued: _Queued) -> None:
        """Hand one message to the producer, trying again until it is taken or too old."""
        size = len(queued.value)
        while not self._closing:
            if time.monotonic() > queued.given_up_at_s:
                self._settle(size, lost=True)
                return
            try:
                future = self._live_producer().send(
                    queued.topic, queued.value, queued.key, queued.headers, queued.partition
                )
            except KAFKA_ERRORS as error:
                LOG.debug("bus writer: %s: %s", queued.topic, error)
                time.sleep(RETRY_S)
                continue
            future.add_callback(lambda _: self._settle(size, lost=False))
            future.add_errback(lambda error: self._fail(queued.topic, size, error))
            return

    def _live_producer(self) -> KafkaProducer:
        if self._producer is None:
            if not is_reachable(self._bootstrap):
                raise ConnectionRefusedError(f"no broker at {self._bootstrap}")
            self._producer = open_client(
                KafkaProducer,
                self._bootstrap,
                # An idempotent producer never recovers from a broker that came back empty; our
                # readers drop duplicates by producer_seq, and one request in flight keeps order.
                enable_idempotence=False,
                max_in_flight_requests_per_connection=1,
                acks="all",
                linger_ms=0,  # who calls has gathered already
                metrics_enabled=False,
                batch_size=256_000,
                max_block_ms=MAX_BLOCK_MS,
                max_request_size=LARGEST_MESSAGE_BYTES + 48_000,
                delivery_timeout_ms=int(self._give_up_s * 1000),
                request_timeout_ms=int(self._give_up_s * 500),
                allow_auto_create_topics=False,
            )
        return self._producer

    def _fail(self, topic: str, size: int, error: BaseException) -> None:
        LOG.warning("a message to %s is lost: %s", topic, error)
        self._settle(size, lost=True)

    def _settle(self, size: int, *, lost: bool) -> None:
        with self._changed:
            self._unsettled -= 1
            self._buffered_bytes -= size
            self._lost += lost
            self._changed.notify_all()

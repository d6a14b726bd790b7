"""Writes to Kafka from a thread of its own, so that whoever sends never waits for a broker."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafka.errors import BrokerResponseError, RetriableError

from controller.adapters.kafka_sender import KafkaSender, Record
from controller.adapters.kafka_topics import ALL_TOPICS, KAFKA_ERRORS, TopicWatch, prepare_client
from controller.ports import BusWriter

LOG = logging.getLogger(__name__)

LARGEST_MESSAGE_BYTES = 1_000_000
"""Brokers take 1 MiB by default."""
RETRY_S = 0.1
WATCH_S = 30.0
"""Between looks at whether all topics are there; a message that fails looks at once."""


@dataclass(frozen=True, slots=True)
class _Queued:
    record: Record
    given_up_at_s: float
    """Monotonic: later than this it is lost."""

    def goes_with(self, other: _Queued) -> bool:
        mine, its = self.record, other.record
        return (mine.topic, mine.partition, mine.key) == (its.topic, its.partition, its.key)


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
        self._is_failing = False
        self._sender = KafkaSender(bootstrap, timeout_s=give_up_s / 2.0)
        self._watch = TopicWatch(bootstrap, ALL_TOPICS, partitions, interval_s=WATCH_S)
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
        encoded = [(name, text.encode()) for name, text in headers.items()]
        record = Record(topic, value, encoded, partition, key)
        queued = _Queued(record, time.monotonic() + self._give_up_s)
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
        """Whether the broker took the last message, and answered within the last half minute."""
        return self._watch.is_up() and not self._is_failing

    def close(self) -> None:
        """Give what is queued two seconds; what remains then is lost."""
        self.flush(2.0)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._sender.abort()
        self._thread.join(10.0)
        self._watch.close()

    def _run(self) -> None:
        while records := self._next():
            self._deliver(records)
        self._sender.abort()
        with self._changed:
            self._lost += self._unsettled
            self._unsettled = 0
            self._queue.clear()

    def _next(self) -> list[_Queued]:
        """What is queued for one destination, from the oldest on; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            if self._closing:
                return []
            taken = [self._queue.popleft()]
            size = taken[0].record.size_bytes()
            while self._queue and self._queue[0].goes_with(taken[0]):
                size += self._queue[0].record.size_bytes()
                if size > LARGEST_MESSAGE_BYTES:
                    break
                taken.append(self._queue.popleft())
        return taken

    def _deliver(self, taken: list[_Queued]) -> None:
        """Until the broker has them all, or each is too old."""
        while not self._closing:
            now_s = time.monotonic()
            too_old = [queued for queued in taken if now_s > queued.given_up_at_s]
            self._settle(too_old, lost=True)
            taken = taken[len(too_old) :]
            if not taken:
                return
            try:
                self._sender.send([queued.record for queued in taken])
            except KAFKA_ERRORS as error:
                if _is_final(error):
                    LOG.warning("a message to %s is lost: %s", taken[0].record.topic, error)
                    self._settle(taken, lost=True)
                    return
                LOG.debug("bus writer: %s: %s", taken[0].record.topic, error)
                self._is_failing = True
                self._watch.hurry()
                time.sleep(RETRY_S)
            else:
                self._is_failing = False
                self._settle(taken, lost=False)
                return

    def _settle(self, settled: Sequence[_Queued], *, lost: bool) -> None:
        with self._changed:
            self._unsettled -= len(settled)
            self._buffered_bytes -= sum(len(queued.record.value) for queued in settled)
            self._lost += len(settled) * lost
            self._changed.notify_all()


def _is_final(error: Exception) -> bool:
    """Whether the broker said no, and would say it again."""
    return isinstance(error, BrokerResponseError) and not isinstance(error, RetriableError)

"""A bus in memory: the simulator's, and the yardstick of the contract tests.

It never waits: a poll returns at once whatever its timeout, so virtual time costs no real time.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.ports import BusReader, BusWriter, Message, Partition, Position


@dataclass(slots=True)
class _Log:
    """One partition. ``first_offset`` grows when old messages are dropped."""

    messages: list[Message] = field(default_factory=list)
    first_offset: int = 0

    @property
    def end_offset(self) -> int:
        return self.first_offset + len(self.messages)


class MemoryBus:
    """A broker with ``partitions`` partitions per topic, made when first named.

    Set ``down`` to make it unreachable. ``keep_messages`` bounds each partition, oldest dropped.
    """

    def __init__(self, partitions: int = 1, keep_messages: int = 100_000) -> None:
        self.down = False
        self.partitions = partitions
        self._keep_messages = keep_messages
        self._generation = 0
        self.changes = 0
        """Grows with every message and every restart: a reader that saw it all need not look."""
        self._logs: dict[Partition, _Log] = {}
        self._lock = threading.Lock()

    def restart(self) -> None:
        """Come back empty, every topic with another id, as the embedded broker does."""
        with self._lock:
            self._generation += 1
            self.changes += 1
            self._logs.clear()
            self.down = False

    def topic_id(self, topic: str) -> str:
        return f"{topic}#{self._generation}"

    def writer(self) -> MemoryBusWriter:
        return MemoryBusWriter(self)

    def reader(
        self,
        partitions: Sequence[Partition],
        positions: Mapping[Partition, Position] | None = None,
    ) -> MemoryBusReader:
        """Read ``partitions``, each from its position if the topic is still the same, else 0."""
        return MemoryBusReader(self, partitions, positions or {})

    def append(
        self,
        topic: str,
        value: bytes,
        headers: Mapping[str, str],
        partition: int | None,
        key: bytes | None,
        columns: object | None = None,
    ) -> bool:
        """Add one message; False while the bus is down or has no such partition.

        ``columns`` pass by reference what ``value`` would encode; then it is empty.
        """
        if partition is None:
            partition = zlib.crc32(key or b"") % self.partitions
        with self._lock:
            if self.down or not 0 <= partition < self.partitions:
                return False
            self.changes += 1
            log = self._logs.setdefault((topic, partition), _Log())
            log.messages.append(
                Message(
                    topic,
                    partition,
                    log.end_offset,
                    self.topic_id(topic),
                    value,
                    dict(headers),
                    key,
                    columns,
                )
            )
            excess = len(log.messages) - self._keep_messages
            if excess > 0:
                del log.messages[:excess]
                log.first_offset += excess
            return True

    def fetch(self, partition: Partition, offset: int, limit: int) -> Sequence[Message]:
        """Messages from ``offset`` on (from the oldest kept when it is gone)."""
        with self._lock:
            log = self._logs.get(partition)
            if self.down or log is None:
                return ()
            start = max(0, offset - log.first_offset)
            return tuple(log.messages[start : start + limit])


class MemoryBusWriter(BusWriter):
    """Delivers at once, or refuses."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._closed = False

    def send(
        self,
        topic: str,
        value: bytes,
        *,
        headers: Mapping[str, str],
        partition: int | None = None,
        key: bytes | None = None,
    ) -> bool:
        return not self._closed and self._bus.append(topic, value, headers, partition, key)

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002  (nothing is ever queued)
        return not self._bus.down

    def lost(self) -> int:
        return 0

    def close(self) -> None:
        self._closed = True


class MemoryBusReader(BusReader):
    """Reads its partitions in turn. ``recycled`` counts partitions found to be another's."""

    def __init__(
        self,
        bus: MemoryBus,
        partitions: Sequence[Partition],
        positions: Mapping[Partition, Position],
    ) -> None:
        self.recycled = 0
        self._bus = bus
        self._seen = -1
        """The bus's changes when everything there was had been read."""
        self._positions = {
            partition: positions.get(partition, Position("", 0)) for partition in partitions
        }

    def poll(self, timeout_s: float, limit: int) -> Sequence[Message]:  # noqa: ARG002
        changes = self._bus.changes  # before looking: what comes meanwhile is another change
        if self._bus.down or changes == self._seen:
            return ()
        found: list[Message] = []
        for partition, position in self._positions.items():
            topic_id = self._bus.topic_id(partition[0])
            if position.topic_id != topic_id:
                self.recycled += position.topic_id != ""
                position = Position(topic_id, 0)
            messages = self._bus.fetch(partition, position.offset, limit - len(found))
            if messages:
                found += messages
                position = Position(topic_id, messages[-1].offset + 1)
            self._positions[partition] = position
        if len(found) < limit:
            self._seen = changes
        return found

    def positions(self) -> Mapping[Partition, Position]:
        return dict(self._positions)

    def is_up(self) -> bool:
        return not self._bus.down

    def close(self) -> None:
        """Nothing is held."""

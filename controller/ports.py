"""One small Protocol per outside thing. Adapters, one per file, are in `controller/adapters`.

The in-memory adapters pass the same contract tests as the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Partition = tuple[str, int]
"""(topic, partition number)"""


@dataclass(frozen=True, slots=True)
class Message:
    """One bus message: one telemetry batch. ``headers`` are small UTF-8 strings.

    Where writer and reader share memory, ``columns`` may be the rows themselves (a
    ``pa.RecordBatch`` or a `controller.telemetry.slab.SlabPart`); ``value`` is then empty.
    """

    topic: str
    partition: int
    offset: int
    topic_id: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    key: bytes | None = None
    columns: object | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to read; from 0 when the topic is another (its id differs)."""

    topic_id: str
    offset: int


class BusWriter(Protocol):
    """Never blocks its caller for long; what it cannot take it refuses, and the caller counts."""

    def send(
        self,
        topic: str,
        value: bytes,
        *,
        headers: Mapping[str, str],
        partition: int | None = None,
        key: bytes | None = None,
    ) -> bool:
        """Queue one message. False: refused (the bus is gone or the buffer full)."""

    def flush(self, timeout_s: float) -> bool:
        """True when all that was queued is acknowledged within the time."""

    def lost(self) -> int:
        """How many queued messages are known never to have arrived, since the start."""

    def close(self) -> None: ...


class BusReader(Protocol):
    """Reads assigned partitions at its own pace, without consumer groups."""

    recycled: int
    """Partitions begun again at 0 because their topic turned out to be another."""

    def poll(self, timeout_s: float, limit: int) -> Sequence[Message]:
        """Messages in order per partition. Empty when there is none or the bus is gone."""

    def positions(self) -> Mapping[Partition, Position]:
        """Where the next poll goes on, for snapshots."""

    def is_up(self) -> bool:
        """Whether the bus answered lately; False is a state, not an error."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds. ``records`` are the newest, oldest first; log, plan and state agree."""

    head: str
    plan: bytes | None
    state: bytes | None
    epoch: int
    revision: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Records, plan and state that change together or not at all."""

    holder: str
    epoch: int
    revision: int
    prev_head: str
    head: str
    records: tuple[bytes, ...]
    """Sealed, canonical JSON, one per record."""
    plan: bytes
    state: bytes


CommitFate = Literal["published", "refused", "behind", "unreachable", "not_published"]
"""``not_published`` comes only from the dry-run store."""
GENESIS = "0" * 64
"""The head of an empty log."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """``used``: in the span that ends now, a grant included.

    ``free_in_s``: until there is room for what was not granted; of a grant, until the oldest falls
    out of the span.
    """

    granted: bool
    used: int
    free_in_s: float


class PlanStore(Protocol):
    """Home of log, plan, state and lease: Redis, or memory. Methods raise Unavailable."""

    def lease(self, holder: str, epoch: int, ttl_s: float) -> bool:
        """Take or renew the lease for (holder, epoch); False while another holds it."""

    def release(self, holder: str, epoch: int) -> None:
        """Give the lease up if we hold it."""

    def load(self) -> Stored | None:
        """None when the store is empty."""

    def commit(self, commit: Commit) -> CommitFate:
        """One atomic script, see the design's §4.5. Never raises for an unreachable store."""

    def refill(self, records: Sequence[bytes], stored: Stored) -> bool:
        """Write a whole copy, only where the store's head is empty or one of the copy's own."""

    def records(self, after: str = "-", limit: int = 1000) -> Sequence[tuple[str, bytes]]:
        """Log lines as (store id, sealed record), oldest first, after a store id."""

    def trim(self, archived: str) -> int:
        """Drop the oldest records up to the one of this hash, which a caller has archived.

        Nothing is dropped where that record is not there, or is the newest. Gives the number.
        """

    def reserve(
        self, cap: str, service: str, key: str, cost: int, count: int, per_s: float
    ) -> Reserved:
        """Draw ``cost`` on what all services in this store share under the name ``cap``.

        In no span of ``per_s`` seconds (of the store's clock) is more than ``count`` granted. The
        same ``key`` of a service is granted once, however often it asks within the span. Raise
        ValueError where ``cost`` is not from 1 to ``count``.
        """


class Clock(Protocol):
    """Time for the shell only; the core gets it in facts."""

    def now_s(self) -> float: ...

    def sleep_until(self, at_s: float) -> None: ...

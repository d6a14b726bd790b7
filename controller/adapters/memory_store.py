"""A plan store in memory, by the same rules as the Redis one (the contract tests compare them)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from controller.adapters.cap_ledger import CapLedger
from controller.adapters.record_hash import hash_of, hashes_of, missing_after
from controller.errors import Unavailable
from controller.ports import GENESIS, Clock, Commit, CommitFate, PlanStore, Reserved, Stored


@dataclass(slots=True)
class _Lease:
    """``holder`` and ``epoch`` outlive the lease itself, so that epochs never go back."""

    holder: str = ""
    epoch: int = 0
    until_s: float = float("-inf")


class MemoryPlanStore(PlanStore):
    """Set ``down`` to make it unreachable; ``lose_next_reply`` applies one commit silently.

    Services that share ``caps`` share their caps, as those in one Redis do.
    """

    def __init__(self, clock: Clock, caps: CapLedger | None = None) -> None:
        self.down = False
        self.lose_next_reply = False
        self._clock = clock
        self._caps = caps if caps is not None else CapLedger()
        self._lock = threading.Lock()
        self._lease = _Lease()
        self._stored: Stored | None = None
        self._records: list[bytes] = []
        self._trimmed = 0

    def wipe(self) -> None:
        """Come back empty, as a Redis does that lost its disk."""
        with self._lock:
            self._lease = _Lease()
            self._stored = None
            self._records.clear()

    def lease(self, holder: str, epoch: int, ttl_s: float) -> bool:
        with self._lock:
            self._must_be_up()
            held = self._lease
            now_s = self._clock.now_s()
            committed_epoch = self._stored.epoch if self._stored else 0
            if epoch < max(held.epoch, committed_epoch):
                return False
            if held.holder not in ("", holder) and (
                held.until_s > now_s or epoch == committed_epoch
            ):
                return False
            self._lease = _Lease(holder, epoch, now_s + ttl_s)
            return True

    def release(self, holder: str, epoch: int) -> None:
        with self._lock:
            self._must_be_up()
            if (self._lease.holder, self._lease.epoch) == (holder, epoch):
                self._lease.until_s = float("-inf")

    def load(self) -> Stored | None:
        with self._lock:
            self._must_be_up()
            return self._stored

    def commit(self, commit: Commit) -> CommitFate:
        with self._lock:
            if self.down:
                return "unreachable"
            fate = self._decide(commit)
            if self.lose_next_reply:
                self.lose_next_reply = False
                return "unreachable"
            return fate

    def _decide(self, commit: Commit) -> CommitFate:
        head = self._stored.head if self._stored else GENESIS
        if head == commit.head:
            return "published"
        held = self._lease
        if (held.holder, held.epoch) != (commit.holder, commit.epoch):
            return "refused"
        if held.until_s <= self._clock.now_s():
            return "refused"
        if head != commit.prev_head:
            return "behind"
        self._records += commit.records
        self._stored = Stored(commit.head, commit.plan, commit.state, commit.epoch, commit.revision)
        return "published"

    def refill(self, records: Sequence[bytes], stored: Stored) -> bool:
        hashes = hashes_of(records, stored.head)
        with self._lock:
            self._must_be_up()
            head = self._stored.head if self._stored else GENESIS
            missing = missing_after(head, records, hashes)
            if missing is None:
                return False
            if head == GENESIS:
                self._records.clear()
            self._records += missing
            self._stored = stored
            return True

    def records(self, after: str = "-", limit: int = 1000) -> Sequence[tuple[str, bytes]]:
        with self._lock:
            self._must_be_up()
            after_number = 0 if after == "-" else int(after.partition("-")[0])
            start = max(0, after_number - self._trimmed)
            return [
                (f"{number}-0", record)
                for number, record in enumerate(
                    self._records[start : start + limit], start=self._trimmed + start + 1
                )
            ]

    def trim(self, archived: str) -> int:
        with self._lock:
            self._must_be_up()
            hashes = [hash_of(record) for record in self._records]
            if archived not in hashes[:-1]:
                return 0
            count = hashes.index(archived) + 1
            del self._records[:count]
            self._trimmed += count
            return count

    def reserve(
        self, cap: str, service: str, key: str, cost: int, count: int, per_s: float
    ) -> Reserved:
        with self._lock:
            self._must_be_up()
            return self._caps.reserve(cap, service, key, cost, count, per_s, self._clock.now_s())

    def _must_be_up(self) -> None:
        if self.down:
            raise Unavailable("the plan store is down")

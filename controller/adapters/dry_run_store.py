"""A plan store that reads the real one and publishes nothing: shadow mode is this adapter."""

from __future__ import annotations

from collections.abc import Sequence

from controller.adapters.cap_ledger import CapLedger
from controller.ports import Clock, Commit, CommitFate, PlanStore, Reserved, Stored


class DryRunStore(PlanStore):
    """Starts from what the real store holds, then keeps its own would-be log in memory."""

    def __init__(self, real: PlanStore, clock: Clock) -> None:
        self._real = real
        self._clock = clock
        self._caps = CapLedger()
        self._stored: Stored | None = None
        self._records: list[tuple[str, bytes]] = []

    def lease(self, holder: str, epoch: int, ttl_s: float) -> bool:  # noqa: ARG002
        """Nobody competes for a lease that moves nothing."""
        return True

    def release(self, holder: str, epoch: int) -> None:
        """Nothing is held."""

    def load(self) -> Stored | None:
        return self._stored or self._real.load()

    def commit(self, commit: Commit) -> CommitFate:
        for record in commit.records:
            self._records.append((f"{len(self._records) + 1}-0", record))
        self._stored = Stored(commit.head, commit.plan, commit.state, commit.epoch, commit.revision)
        return "not_published"

    def refill(self, records: Sequence[bytes], stored: Stored) -> bool:  # noqa: ARG002
        """A dry run changes no store."""
        return False

    def records(self, after: str = "-", limit: int = 1000) -> Sequence[tuple[str, bytes]]:
        """What would have been logged."""
        start = 0 if after == "-" else int(after.partition("-")[0])
        return self._records[start : start + limit]

    def trim(self, archived: str) -> int:  # noqa: ARG002
        """A dry run changes no store."""
        return 0

    def reserve(
        self, cap: str, service: str, key: str, cost: int, count: int, per_s: float
    ) -> Reserved:
        """On an account of its own: what others really have is not touched."""
        return self._caps.reserve(cap, service, key, cost, count, per_s, self._clock.now_s())

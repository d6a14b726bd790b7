"""The copy of {records, plan, state} in memory: for controllers whose disk is simulated."""

from __future__ import annotations

from collections.abc import Sequence

from controller.adapters.catching_up import check_step, missing_records
from controller.ports import GENESIS, PlanStore, Stored


class MemoryCopy:
    """Outlives a simulated process, as a disk would. Never torn, so it has nothing to repair."""

    def __init__(self) -> None:
        self.set_aside: list[list[bytes]] = []
        """Logs that turned out to be of another history, oldest first."""
        self._records: list[bytes] = []
        self._stored: Stored | None = None

    def head(self) -> str:
        """Hash of the last record; GENESIS when empty."""
        return self._stored.head if self._stored else GENESIS

    def stored(self) -> Stored | None:
        """Head, plan and state as they belong to the last record; None when empty."""
        return self._stored

    def records(self) -> list[bytes]:
        """Every record, oldest first, up to the head."""
        return list(self._records)

    def archived(self) -> str:
        """Nothing ever leaves it."""
        return GENESIS

    def follow(self, records: Sequence[bytes], stored: Stored) -> None:
        """Take over what the store has just taken.

        Raise ValueError when the last record is not the head, or a record holds a line break.
        """
        check_step(records, stored)
        self._records += records
        self._stored = stored

    def catch_up(self, store: PlanStore) -> int:
        """Take over what the store has and we lack; give the number of records added.

        A copy that is not a beginning of the store's log is set aside, and the log taken whole.
        Raise Unavailable when the store is not there.
        """
        missing = missing_records(store, self.head())
        if missing is None:
            return 0
        if not missing.continues:
            self.set_aside.append(self._records)
            self._records, self._stored = [], None
        self.follow(missing.records, missing.stored)
        return len(missing.records)

"""Keeps this disk's copy of log, plan and state, always after the store took them.

Leaders and standbys alike follow, so that a store that comes back empty can be refilled by
whichever of them lives.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from controller.ports import GENESIS, PlanStore, Stored
from controller.shell.seal import HASH, unsealed

LOG = logging.getLogger(__name__)
PAGE_RECORDS = 1_000


class LocalCopy(Protocol):
    """{records, plan, state} on this controller's own disk; the three agree."""

    def load(self) -> Stored | None:
        """None when nothing was copied yet."""

    def records(self) -> Sequence[bytes]:
        """All copied records, oldest first."""

    def append(self, records: Sequence[bytes], stored: Stored) -> None:
        """Add what follows the copied head."""

    def replace(self, records: Sequence[bytes], stored: Stored) -> None:
        """Become another log whole."""


class Follower:
    """``after`` remembers how far the store's log was read, so that following costs little."""

    def __init__(self, store: PlanStore, copy: LocalCopy) -> None:
        self._store = store
        self._copy = copy
        self._after = "-"

    def catch_up(self, stored: Stored) -> None:
        """Bring the copy to what the store holds. Raise Unavailable."""
        copied = self._copy.load()
        head = copied.head if copied else GENESIS
        if head == stored.head:
            return
        lines = self._read_to(stored.head, self._after)
        start = _position(lines, head)
        if start is None and self._after != "-":
            lines = self._read_to(stored.head, "-")
            start = _position(lines, head)
        if start is not None:
            self._copy.append(lines[start:], stored)
        else:
            LOG.warning("the local copy ended at %s, which the store never had: copied anew", head[:12])
            self._copy.replace(lines, stored)

    def forget(self) -> None:
        """The store's log may be another one now; read it from its start next time."""
        self._after = "-"

    def _read_to(self, head: str, after: str) -> list[bytes]:
        lines: list[bytes] = []
        while page := self._store.records(after, PAGE_RECORDS):
            for store_id, line in page:
                lines.append(line)
                after = store_id
                if unsealed(line)[HASH] == head:
                    self._after = store_id
                    return lines
        return lines


def _position(lines: Sequence[bytes], head: str) -> int | None:
    """Where the lines go on after ``head``; None when they do not."""
    for number, line in enumerate(lines):
        document = unsealed(line)
        if document["prev_hash"] == head:
            return number
    return None

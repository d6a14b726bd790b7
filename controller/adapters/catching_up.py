"""What a copy of the log lacks of what the store holds, and whether the two are one history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.adapters.record_hash import hash_of
from controller.ports import GENESIS, PlanStore, Stored

PAGE = 1_000
"""Records read from the store at a time."""


@dataclass(frozen=True, slots=True)
class Missing:
    """``records`` end at ``stored.head``. Unless ``continues`` they are a whole other log."""

    records: list[bytes]
    stored: Stored
    continues: bool


def missing_records(store: PlanStore, head: str) -> Missing | None:
    """What a copy that ends at ``head`` lacks; None when nothing, or when the store is empty.

    Raise Unavailable when the store is not there.
    """
    stored = store.load()
    if stored is None or stored.head == head:
        return None
    lines = _all_records(store, stored.head)
    hashes = [hash_of(line) for line in lines]
    if not hashes or hashes[-1] != stored.head:
        return None
    if head == GENESIS:
        return Missing(lines, stored, continues=True)
    if head not in hashes:
        return Missing(lines, stored, continues=False)
    return Missing(lines[hashes.index(head) + 1 :], stored, continues=True)


def check_step(records: Sequence[bytes], stored: Stored) -> None:
    """Raise ValueError when the last record is not the head, or a record holds a line break."""
    if records and hash_of(records[-1]) != stored.head:
        raise ValueError(f"the last record is not the head {stored.head[:12]}")
    if any(b"\n" in record for record in records):
        raise ValueError("a record is one line")


def _all_records(store: PlanStore, head: str) -> list[bytes]:
    """The log up to ``head``: a commit that lands while we read is left for later."""
    found: list[bytes] = []
    after = "-"
    while page := store.records(after, PAGE):
        after = page[-1][0]
        for _, record in page:
            found.append(record)
            if hash_of(record) == head:
                return found
    return found

"""Which records of a copy a store lacks, told by the hashes the records carry."""

from __future__ import annotations

import json
from collections.abc import Sequence

from controller.ports import GENESIS


def hash_of(record: bytes) -> str:
    """The ``hash`` a sealed record carries. Raise ValueError when it carries none."""
    document = json.loads(record)
    found = document.get("hash") if isinstance(document, dict) else None
    if not isinstance(found, str):
        raise ValueError(f"a sealed record carries a hash, this does not: {record[:120]!r}")
    return found


def hashes_of(records: Sequence[bytes], head: str) -> list[str]:
    """Hash of every record. Raise ValueError unless the last one is ``head``."""
    hashes = [hash_of(record) for record in records]
    last = hashes[-1] if hashes else GENESIS
    if last != head:
        raise ValueError(f"the copy ends at {last[:12]}, not at its own head {head[:12]}")
    return hashes


def missing_after(
    head: str, records: Sequence[bytes], hashes: Sequence[str]
) -> Sequence[bytes] | None:
    """What follows ``head`` in the copy; None when the store is not a beginning of it."""
    if head in ("", GENESIS):
        return records
    if head not in hashes:
        return None
    return records[hashes.index(head) + 1 :]

"""Seals: each record of the decision log carries the hash of the one before and its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.ports import GENESIS
from controller.shell.canonical import canonical_bytes

PREV_HASH = "prev_hash"
HASH = "hash"


@dataclass(frozen=True, slots=True)
class Sealed:
    """The lines of one commit, and the log's head once they are appended."""

    lines: tuple[bytes, ...]
    head: str


def hash_of(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical record with its ``prev_hash`` and without its ``hash``."""
    return hashlib.sha256(
        canonical_bytes({key: value for key, value in document.items() if key != HASH})
    ).hexdigest()


def seal(documents: Sequence[Mapping[str, Any]], prev_head: str = GENESIS) -> Sealed:
    """Chain unsealed record documents, in order, onto a log whose head is ``prev_head``."""
    lines: list[bytes] = []
    head = prev_head
    for document in documents:
        linked = {**document, PREV_HASH: head}
        head = hash_of(linked)
        lines.append(canonical_bytes({**linked, HASH: head}))
    return Sealed(tuple(lines), head)


def unsealed(line: bytes) -> dict[str, Any]:
    """The document of a sealed line, seal included. Raise ValueError when it is not one."""
    try:
        document = json.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("a record is a JSON object")
    return document

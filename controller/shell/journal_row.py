"""One row of the journal, as plain data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from controller.core.readings import SignalKey
from controller.shell.canonical import canonical_bytes


class ReadingRow(NamedTuple):
    """One reading; ``key`` is the canonical JSON of name, labels and window."""

    key: str
    value: float | None
    state: str
    sample_size: int
    window_start_s: float
    window_end_s: float
    note: str


@dataclass(frozen=True, slots=True)
class Row:
    """One fact. ``readings`` is None for all but ticks, ``body`` is empty for ticks."""

    seq: int
    at_s: float
    kind: str
    body: str
    readings: Sequence[ReadingRow] | None


@lru_cache(maxsize=20_000)
def key_text(key: SignalKey) -> str:
    """The inverse of ``signal_key``."""
    return canonical_bytes([key.name, key.labels, key.window_s]).decode()


@lru_cache(maxsize=20_000)
def signal_key(text: str) -> SignalKey:
    """Raise ValueError when the text is not a key."""
    name, labels, window_s = json.loads(text)
    return SignalKey(name, tuple((label, value) for label, value in labels), window_s)

"""Facts as rows of the journal, quantized on the way in, so that live and replay step the same.

A row is plain data; `from_row(to_row(fact))` is the fact the judge gets, in either world.
Ticks are columns (thousands of numbers an hour); all other facts are one canonical JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from controller.core.fact_document import fact_from_document, fact_to_document
from controller.core.facts import Fact, Tick
from controller.core.readings import Reading, Readings, ReadingState, SignalKey
from controller.shell.canonical import canonical_bytes

TICK = "Tick"
VALUE_DIGITS = 6
TIME_DECIMALS = 3


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
    readings: tuple[ReadingRow, ...] | None


def to_row(fact: Fact) -> Row:
    """Quantize and flatten: values to 6 significant digits, times to a millisecond."""
    at_s = round(fact.at_s, TIME_DECIMALS)
    if isinstance(fact, Tick):
        readings = tuple(_reading_row(key, fact.readings[key]) for key in sorted(fact.readings))
        return Row(fact.seq, at_s, TICK, "", readings)
    document = {**fact_to_document(fact), "at_s": at_s}
    return Row(fact.seq, at_s, type(fact).__name__, canonical_bytes(document).decode(), None)


def from_row(row: Row) -> Fact:
    """The fact as the judge steps it. Raise KeyError or ValueError when it is not one."""
    if row.kind != TICK:
        document: Mapping[str, Any] = json.loads(row.body)
        return fact_from_document(document)
    readings = {_key(r.key): _reading(r) for r in row.readings or ()}
    return Tick(row.seq, row.at_s, readings)


def as_journaled(fact: Fact) -> Fact:
    """`from_row` of `to_row`, without making rows of readings that nobody looks at."""
    if not isinstance(fact, Tick):
        return from_row(to_row(fact))
    return Tick(fact.seq, round(fact.at_s, TIME_DECIMALS), _Quantized(fact.readings))


class _Quantized(Mapping[SignalKey, Reading]):
    """Readings as the journal would give them back; each is rounded when it is looked at."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._made: dict[SignalKey, Reading] = {}

    def __getitem__(self, key: SignalKey) -> Reading:
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = _quantized_reading(self._readings[key])
        return found

    def __iter__(self) -> Iterator[SignalKey]:
        return iter(self._readings)

    def __len__(self) -> int:
        return len(self._readings)


def _quantized_reading(reading: Reading) -> Reading:
    return Reading(
        None if reading.value is None else quantized(float(reading.value)),
        reading.state,
        int(reading.sample_size),
        round(float(reading.window_start_s), TIME_DECIMALS),
        round(float(reading.window_end_s), TIME_DECIMALS),
        reading.note,
    )


def quantized(value: float) -> float:
    """Six significant digits; whole numbers (epochs, revisions, counts) stay exact."""
    return value if value.is_integer() else float(f"{value:.{VALUE_DIGITS}g}")


def _reading_row(key: SignalKey, reading: Reading) -> ReadingRow:
    kept = _quantized_reading(reading)
    return ReadingRow(
        _key_text(key),
        kept.value,
        kept.state.value,
        kept.sample_size,
        kept.window_start_s,
        kept.window_end_s,
        kept.note,
    )


def _reading(row: ReadingRow) -> Reading:
    return Reading(
        row.value,
        ReadingState(row.state),
        row.sample_size,
        row.window_start_s,
        row.window_end_s,
        row.note,
    )


@lru_cache(maxsize=20_000)
def _key_text(key: SignalKey) -> str:
    return canonical_bytes([key.name, key.labels, key.window_s]).decode()


@lru_cache(maxsize=20_000)
def _key(text: str) -> SignalKey:
    name, labels, window_s = json.loads(text)
    return SignalKey(name, tuple((label, value) for label, value in labels), window_s)

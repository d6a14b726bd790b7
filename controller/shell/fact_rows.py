"""Facts as rows of the journal, quantized on the way in, so that live and replay step the same.

A row is plain data; `from_row(to_row(fact))` is the fact the judge gets, in either world.
Ticks are columns (thousands of numbers an hour); all other facts are one canonical JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from controller.core.fact_document import fact_from_document, fact_to_document
from controller.core.facts import Fact, Tick
from controller.core.readings import Reading, Readings, ReadingState, SignalKey
from controller.shell.canonical import canonical_bytes
from controller.shell.each_reading import EachReading
from controller.shell.journal_row import ReadingRow, Row, key_text, signal_key
from controller.shell.tick_columns import TickRows

TICK = "Tick"
VALUE_DIGITS = 6
TIME_DECIMALS = 3


ReadingRows = EachReading[ReadingRow]


def reading_rows() -> ReadingRows:
    """For who makes rows of one tick after another."""
    return EachReading(_reading_row)


def to_row(fact: Fact, rows: ReadingRows | None = None) -> Row:
    """Quantize and flatten: values to 6 significant digits, times to a millisecond.

    ``rows`` remembers those of the tick before.
    """
    at_s = round(fact.at_s, TIME_DECIMALS)
    if isinstance(fact, Tick):
        readings = (rows or reading_rows()).of(fact.readings)
        return Row(fact.seq, at_s, TICK, "", tuple(readings))
    document = {**fact_to_document(fact), "at_s": at_s}
    return Row(fact.seq, at_s, type(fact).__name__, canonical_bytes(document).decode(), None)


def from_row(row: Row) -> Fact:
    """The fact as the judge steps it. Raise KeyError or ValueError when it is not one."""
    if row.kind != TICK:
        document: Mapping[str, Any] = json.loads(row.body)
        return fact_from_document(document)
    if isinstance(row.readings, TickRows):
        return Tick(row.seq, row.at_s, row.readings.readings())
    readings = {signal_key(r.key): _reading(r) for r in row.readings or ()}
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
    """What `_reading` makes of its row."""
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
    return ReadingRow(
        key_text(key),
        None if reading.value is None else quantized(float(reading.value)),
        reading.state.value,
        int(reading.sample_size),
        round(float(reading.window_start_s), TIME_DECIMALS),
        round(float(reading.window_end_s), TIME_DECIMALS),
        reading.note,
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

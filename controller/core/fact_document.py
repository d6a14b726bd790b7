"""Fact <-> plain document, for the journal. The round trip is exact.

A Tick's readings are rows rather than objects, because a journal is mostly ticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.core.documents import TAG, decode, encode
from controller.core.facts import Fact, Tick
from controller.core.readings import Reading, Readings, ReadingState, SignalKey


def fact_to_document(fact: Fact) -> dict[str, Any]:
    """Plain JSON types; ``type`` is ``tick``, ``elected``, ``loaded``, ``fate``, ``work_done``,
    ``operator``, ``change``, ``explained`` or ``allowance``."""
    if isinstance(fact, Tick):
        return {
            TAG: "tick",
            "seq": fact.seq,
            "at_s": fact.at_s,
            "readings": readings_to_rows(fact.readings),
        }
    document: dict[str, Any] = encode(Fact, fact)
    return document


def fact_from_document(document: Mapping[str, Any]) -> Fact:
    """The inverse. Raise KeyError, TypeError or ValueError on a document of another shape."""
    if document[TAG] == "tick":
        readings = readings_from_rows(document["readings"])
        return Tick(document["seq"], document["at_s"], readings)
    fact: Fact = decode(Fact, document)
    return fact


def readings_to_rows(readings: Readings) -> list[list[Any]]:
    """``[name, [[label, value], ...], window_s, value, state, n, start_s, end_s, note]`` rows,
    sorted by key."""
    return [
        [
            key.name,
            [list(pair) for pair in key.labels],
            key.window_s,
            reading.value,
            reading.state.value,
            reading.sample_size,
            reading.window_start_s,
            reading.window_end_s,
            reading.note,
        ]
        for key, reading in sorted(readings.items(), key=lambda item: item[0])
    ]


def readings_from_rows(rows: list[list[Any]]) -> dict[SignalKey, Reading]:
    """The inverse of ``readings_to_rows``."""
    return {
        SignalKey(name, tuple((label, each) for label, each in labels), window_s): Reading(
            value, ReadingState(state), sample_size, start_s, end_s, note
        )
        for name, labels, window_s, value, state, sample_size, start_s, end_s, note in rows
    }

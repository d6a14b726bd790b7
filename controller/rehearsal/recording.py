"""Readings that were seen, tick by tick, as the series of a test."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from controller.core.playbook import Quantity
from controller.core.readings import (
    Catalogue,
    Reading,
    Readings,
    ReadingState,
    SignalKey,
    SignalSpec,
)
from controller.rehearsal.model import UNRECORDED, Series, Span


def series_of(
    ticks: Sequence[tuple[float, Readings]], keys: Collection[SignalKey], catalogue: Catalogue
) -> tuple[Series, ...]:
    """What ``keys`` showed at rising times, from the first of them on.

    A span is as long as nothing of a reading changes; each series has its window. Readings are
    taken to stay as they are between two ticks.
    """
    return tuple(_series(ticks, key, catalogue.specs[key.name]) for key in sorted(keys))


def _series(ticks: Sequence[tuple[float, Readings]], key: SignalKey, spec: SignalSpec) -> Series:
    spans: list[Span] = []
    began_s = ticks[0][0]
    for at_s, readings in ticks:
        shown = _shown(readings.get(key), spec)
        if not spans:
            spans.append(shown)
        elif shown != spans[-1]:
            ended = replace(spans.pop(), until_s=round(at_s - began_s, 6))
            spans += [ended, shown]
    window_s = key.window_s or None
    return Series(Quantity(key.name, key.labels, window_s), spec.unit, tuple(spans))


def _shown(reading: Reading | None, spec: SignalSpec) -> Span:
    if reading is None:
        return Span(state=UNRECORDED)
    if reading.state is not ReadingState.OK or reading.value is None:
        return Span(state=reading.state.value)
    # It was ok, so its sample was enough, whatever it says of itself.
    sample = reading.sample_size if reading.sample_size >= spec.least_sample else None
    return Span((reading.value,), sample=sample)

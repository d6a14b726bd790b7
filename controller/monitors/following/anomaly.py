"""``anomaly(SIGNAL)``: at what rate a reading as odd as the last one is expected, per second.

So ``anomaly(x) rarer than 1 per 30d`` compares it with 1 / 30 d. Readings are looked at every 10 s,
only of series that a playbook asks for; the first hour (360 readings that were ok) is
`insufficient`. What is not ok is not judged, and shows its own state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import (
    Catalogue,
    Labels,
    Reading,
    Readings,
    ReadingState,
    SignalKey,
    SignalSpec,
)
from controller.monitors.counting.nesting import nested, text_array, unnested
from controller.monitors.follower import FollowerKind
from controller.monitors.monitor import Arrays, Family
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.statistics.anomaly import AnomalyScorer, rarity

SAMPLE_EVERY_S = 10
WARM_SAMPLES = 360
MOST_SERIES = 64
"""Beyond it, further series of a ``$variable`` are not followed: 60 kB each."""


def name_of(signal: str) -> str:
    """What the signal about this one is called."""
    return f"anomaly({signal})"


def specs_of(_settings: Settings, catalogue: Catalogue) -> tuple[SignalSpec, ...]:
    """One for each signal, with its labels and windows."""
    return tuple(
        replace(
            spec,
            name=name_of(spec.name),
            unit="per_s",
            maximum=None,
            summary=f"Expected rate of readings as odd: {spec.summary}",
        )
        for spec in catalogue.specs.values()
    )


@dataclass(slots=True)
class _Series:
    scorer: AnomalyScorer
    found: float = 0.0
    last: Reading | None = None


class AnomalyFollower:
    """See `controller.monitors.follower.Follower`."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._inner = {name_of(name): spec for name, spec in catalogue.specs.items()}
        self._specs = {spec.name: spec for spec in specs_of(settings, catalogue)}
        self._wanted: tuple[SignalKey, ...] = ()
        self._series: dict[SignalKey, _Series] = {}
        self._looked_at: int | None = None

    def follow(self, wanted: Iterable[SignalKey]) -> None:
        """What is no longer wanted is dropped at the next look, so restoring may come first."""
        self._wanted = tuple(
            dict.fromkeys(self._inner_key(key) for key in wanted if key.name in self._inner)
        )

    def _inner_key(self, key: SignalKey) -> SignalKey:
        spec = self._inner[key.name]
        window_s = key.window_s if key.window_s and spec.default_window_s else 0.0
        return SignalKey(spec.name, key.labels, window_s or spec.default_window_s)

    def advance(self, readings: Readings, tick: TickView) -> None:
        """Every 10 s: one reading of each wanted series."""
        look = int(tick.at_s // SAMPLE_EVERY_S)
        if look == self._looked_at:
            return
        self._looked_at = look
        keys = self._keys_now(readings)
        self._series = {key: self._series.get(key) or _Series(AnomalyScorer()) for key in keys}
        for key, series in self._series.items():
            series.last = readings.get(key)
            if series.last is not None and series.last.state is ReadingState.OK:
                series.found = series.scorer.score(tick.at_s, series.last.value)

    def _keys_now(self, readings: Readings) -> list[SignalKey]:
        keys = {key: None for key in self._wanted if not _is_open(key)}
        for wanted in self._wanted:
            if _is_open(wanted):
                found = (k for k in readings if _matches(k, wanted))
                keys |= dict.fromkeys(sorted(found)[:MOST_SERIES])
        return list(keys)[: max(MOST_SERIES, sum(not _is_open(key) for key in self._wanted))]

    def families(self) -> tuple[Family, ...]:
        """Only what is followed has series, from the moment it is wanted."""
        values: dict[str, dict[str, None]] = {}
        named = [key for key in self._wanted if not _is_open(key)]
        for key in dict.fromkeys([*named, *self._series]):
            found = values.setdefault(name_of(key.name), {})
            found.update((value, None) for _, value in key.labels)
        return tuple(
            Family((self._specs[name],), (*self._specs[name].labels, "")[0], tuple(found))
            for name, found in values.items()
        )

    def reading(self, key: SignalKey, tick: TickView) -> Reading:
        """As of the last look."""
        series = self._series.get(self._inner_key(key))
        if series is None or series.last is None:
            return _none(ReadingState.INSUFFICIENT, tick, 0, "not looked at yet")
        last, count = series.last, series.scorer.count
        window = (last.window_start_s, last.window_end_s)
        if last.state is not ReadingState.OK:
            return Reading(None, last.state, count, *window, last.note)
        if count < WARM_SAMPLES:
            note = f"learning: {count} of {WARM_SAMPLES} readings"
            return Reading(None, ReadingState.INSUFFICIENT, count, *window, note)
        per_s = rarity(series.found) / SAMPLE_EVERY_S
        return Reading(per_s, ReadingState.OK, count, *window)

    def snapshot(self) -> Arrays:
        """Each series under its place, and whose places they are."""
        keys = list(self._series)
        held = {str(at): self._series[key].scorer.snapshot() for at, key in enumerate(keys)}
        return {
            "names": text_array([key.name for key in keys]),
            "labels": text_array([_label_text(key.labels) for key in keys]),
            "windows_s": np.array([key.window_s for key in keys], dtype=np.float64),
            **nested(**held),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted; nothing there: stay new. Raise KeyError or ValueError."""
        if not arrays:
            return
        names, labels = arrays["names"].tolist(), arrays["labels"].tolist()
        series = {}
        parts = zip(names, labels, arrays["windows_s"].tolist(), strict=True)
        for at, (name, label, window_s) in enumerate(parts):
            scorer = AnomalyScorer()
            scorer.restore(unnested(arrays, str(at)))
            series[SignalKey(name, _labels(label), window_s)] = _Series(scorer)
        self._series = series


def _is_open(key: SignalKey) -> bool:
    return any(value.startswith("$") for _, value in key.labels)


def _matches(key: SignalKey, wanted: SignalKey) -> bool:
    if key.name != wanted.name or key.window_s != wanted.window_s:
        return False
    pairs = zip(key.labels, wanted.labels, strict=False)
    return all(b[1].startswith("$") or a == b for a, b in pairs)


def _label_text(labels: Labels) -> str:
    return "\n".join(f"{name}={value}" for name, value in labels)


def _labels(text: str) -> Labels:
    pairs = (line.partition("=") for line in text.split("\n") if line)
    return tuple((name, value) for name, _, value in pairs)


def _none(state: ReadingState, tick: TickView, count: int, note: str) -> Reading:
    return Reading(None, state, count, tick.closed_s, tick.closed_s, note)


FOLLOWER = FollowerKind("anomaly", specs_of, AnomalyFollower)

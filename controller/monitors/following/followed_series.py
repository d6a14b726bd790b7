"""What followers of single series share: which are wanted, when each is looked at, what it shows.

A follower is this with its own `Judge` of a series. Readings are looked at every 10 s, only of
series that a playbook asks for. What is not ok is not judged, and shows its own state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

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
from controller.monitors.monitor import Arrays, Family
from controller.monitors.tick import TickView

SAMPLE_EVERY_S = 10
MOST_SERIES = 64
"""Beyond it, further series of a ``$variable`` are not followed: up to 100 kB each."""


class Answer(NamedTuple):
    """``value`` is None while the judge learns; ``note`` says how far it is."""

    value: float | None
    sample_size: int
    note: str = ""


class Judge(Protocol):
    """What is known of one series."""

    def take(self, at_s: float, reading: Reading) -> None:
        """Learn from a reading that is ok."""

    def answer(self, at_s: float) -> Answer:
        """What to show now."""

    def snapshot(self) -> Arrays:
        """What was learnt, as arrays."""

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""


@dataclass(slots=True)
class _Series:
    judge: Judge
    last: Reading | None = None


class SeriesFollower:
    """See `controller.monitors.follower.Follower`.

    ``about`` is the signal each of its signals is made of, one for one, by name; ``judge`` makes
    that of a new series.
    """

    def __init__(
        self,
        specs: Iterable[SignalSpec],
        about: Mapping[str, SignalSpec],
        judge: Callable[[SignalKey], Judge],
    ) -> None:
        self._about = about
        self._spec_of = {about[spec.name].name: spec for spec in specs}
        self._judge = judge
        self._wanted: tuple[SignalKey, ...] = ()
        self._series: dict[SignalKey, _Series] = {}
        self._looked_at: int | None = None

    def follow(self, wanted: Iterable[SignalKey]) -> None:
        """What is no longer wanted is dropped at the next look, so restoring may come first."""
        self._wanted = tuple(
            dict.fromkeys(self._inner_key(key) for key in wanted if key.name in self._about)
        )

    def _inner_key(self, key: SignalKey) -> SignalKey:
        spec = self._about[key.name]
        window_s = key.window_s if key.window_s and spec.default_window_s else 0.0
        return SignalKey(spec.name, key.labels, window_s or spec.default_window_s)

    def advance(self, readings: Readings, tick: TickView) -> None:
        """Every 10 s: one reading of each wanted series."""
        look = int(tick.at_s // SAMPLE_EVERY_S)
        if look == self._looked_at:
            return
        self._looked_at = look
        keys = self._keys_now(readings)
        self._series = {key: self._series.get(key) or _Series(self._judge(key)) for key in keys}
        for key, series in self._series.items():
            series.last = readings.get(key)
            if series.last is not None and series.last.state is ReadingState.OK:
                series.judge.take(tick.at_s, series.last)

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
            found = values.setdefault(key.name, {})
            found.update((value, None) for _, value in key.labels)
        specs = {name: self._spec_of[name] for name in values}
        return tuple(
            Family((specs[name],), (*specs[name].labels, "")[0], tuple(found))
            for name, found in values.items()
        )

    def reading(self, key: SignalKey, tick: TickView) -> Reading:
        """As of the last look."""
        series = self._series.get(self._inner_key(key))
        if series is None or series.last is None:
            now_s, note = tick.closed_s, "not looked at yet"
            return Reading(None, ReadingState.INSUFFICIENT, 0, now_s, now_s, note)
        last, answer = series.last, series.judge.answer(tick.at_s)
        window = (last.window_start_s, last.window_end_s)
        if last.state is not ReadingState.OK:
            return Reading(None, last.state, answer.sample_size, *window, last.note)
        state = ReadingState.INSUFFICIENT if answer.value is None else ReadingState.OK
        return Reading(answer.value, state, answer.sample_size, *window, answer.note)

    def snapshot(self) -> Arrays:
        """Each series under its place, and whose places they are."""
        keys = list(self._series)
        held = {str(at): self._series[key].judge.snapshot() for at, key in enumerate(keys)}
        return {
            "names": text_array([key.name for key in keys]),
            "labels": text_array([_label_text(key.labels) for key in keys]),
            "windows_s": np.array([key.window_s for key in keys], dtype=np.float64),
            **nested(**held),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted; nothing there: stay new. Raise KeyError or ValueError.

        Series of signals that this service no longer has are left out.
        """
        if not arrays:
            return
        names, labels = arrays["names"].tolist(), arrays["labels"].tolist()
        series = {}
        parts = zip(names, labels, arrays["windows_s"].tolist(), strict=True)
        for at, (name, label, window_s) in enumerate(parts):
            if name not in self._spec_of:
                continue
            key = SignalKey(name, _labels(label), window_s)
            judge = self._judge(key)
            judge.restore(unnested(arrays, str(at)))
            series[key] = _Series(judge)
        self._series = series


def of_each(
    catalogue: Catalogue, called: str, unit: str, says: str, odd: Literal["high", "low"]
) -> dict[str, SignalSpec]:
    """``called(SIGNAL)`` of each signal, with its labels and windows, by the signal's name.

    ``odd`` is the side on which it says that the signal is not as ever: harm, if it can show any.
    """
    return {
        spec.name: replace(
            spec,
            name=f"{called}({spec.name})",
            unit=unit,
            maximum=None,
            summary=f"{says}: {spec.summary}",
            harm=odd if spec.harm else None,
        )
        for spec in catalogue.specs.values()
    }


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

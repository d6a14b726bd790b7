"""The course of one series: what it reads at each tick, in order. No clock; noise is seeded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.rehearsal.model import UNRECORDED, Noise, Series, Span
from controller.rehearsal.values import NEVER_NEGATIVE

LEAST_SAMPLE = 100
"""What a value counts as, unless it says so or its signal asks for more."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Shown:
    state: str
    value: float | None
    sample: int


def course(series: Series, spec: SignalSpec) -> Callable[[float], Shown]:
    """Ask with rising times only: noise remembers its last draw.

    A number with too small a sample reads ``insufficient``, as it would from a monitor.
    """
    drifts = [_ar1(span.noise) if span.noise else None for span in series.spans]

    def at(at_s: float) -> Shown:
        place, start_s = _place(series.spans, at_s)
        span, drift = series.spans[place], drifts[place]
        sample = span.sample if span.sample is not None else max(LEAST_SAMPLE, spec.least_sample)
        if span.state != "ok":
            return Shown(span.state, None, 0 if span.state == "idle" else span.sample or 0)
        value = _value(span, start_s, at_s)
        if drift is not None:
            value = _bounded(value + drift(at_s - start_s), spec)
        if sample < spec.least_sample:
            return Shown(ReadingState.INSUFFICIENT.value, None, sample)
        return Shown("ok", value, sample)

    return at


def reading(shown: Shown, key: SignalKey, at_s: float) -> Reading | None:
    """As a monitor would give it at the end of this tick; None where nothing is recorded."""
    if shown.state == UNRECORDED:
        return None
    state = ReadingState(shown.state)
    note = "" if state is ReadingState.OK else "the test says so"
    return Reading(shown.value, state, shown.sample, at_s - key.window_s, at_s, note)


def constant(value: float | None, state: str, spec: SignalSpec) -> Callable[[float], Shown]:
    """The same at every tick."""
    sample = max(LEAST_SAMPLE, spec.least_sample) if state == "ok" else 0
    shown = Shown(state, value, sample)
    return lambda _: shown


def _place(spans: tuple[Span, ...], at_s: float) -> tuple[int, float]:
    """Which span holds at a time, and when it began. The last runs on."""
    start_s = 0.0
    for place, span in enumerate(spans):
        if span.until_s is None or at_s < span.until_s - 1e-9 or place == len(spans) - 1:
            return place, start_s
        start_s = span.until_s
    raise ValueError("a series without spans")


def _value(span: Span, start_s: float, at_s: float) -> float:
    if span.ramp:
        first, last = span.values
        end_s = span.until_s if span.until_s is not None else start_s
        if at_s >= end_s:
            return last
        return first + (last - first) * (at_s - start_s) / (end_s - start_s)
    if span.every_s is not None:
        turn = math.floor((at_s - start_s) / span.every_s + 1e-9)
        return span.values[turn % len(span.values)]
    return span.values[0]


def _ar1(noise: Noise) -> Callable[[float], float]:
    """The noise at a time of its span: stationary from its first draw on."""
    random = Random(noise.seed)
    level, drawn = 0.0, -1

    def at(since_s: float) -> float:
        nonlocal level, drawn
        while drawn < math.floor(since_s / noise.every_s + 1e-9):
            # Inverse of the distribution: `random()` is the one generator Python keeps as it is.
            draw = noise.sd * _NORMAL.inv_cdf(max(random.random(), 1e-12))
            fresh = drawn < 0
            level = draw if fresh else noise.phi * level + math.sqrt(1 - noise.phi**2) * draw
            drawn += 1
        return level

    return at


def _bounded(value: float, spec: SignalSpec) -> float:
    """Noise never takes a reading where its signal cannot go: no time is below 0."""
    low = 0.0 if spec.unit in NEVER_NEGATIVE else -math.inf
    high = spec.maximum if spec.maximum is not None else math.inf
    return min(max(value, low), high)

"""What a reader is told at a tick: the time, which sources are well.

Whoever reads waits half a second after the tick's time, so that a batch on its way still counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from controller.core.readings import Reading, ReadingState, SignalSpec

T = TypeVar("T")
Trouble = tuple[ReadingState, str]

SYSTEM_WINDOW_S = 5.0
LONGEST_WINDOW_S = 3_600.0
WINDOWS_OF_LAG = 2.0
"""A backlog older than this many windows makes readings stale, so that it never acts."""


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How one topic is doing at a tick."""

    lag_s: float
    """Age of the newest event among the batches since the last tick; 0 when there were none."""
    silent_s: float
    """Time since the newest event ever, or since watching began."""
    heard: bool
    """Whether anything ever came."""
    watermark_s: float
    """Every event before this is here, as far as live partitions tell."""
    behind: str = ""
    """Which counts of other processes are not here yet, so that nothing may be believed."""


@dataclass(frozen=True, slots=True)
class TickView:
    """``closed_s`` is the whole second up to which system windows are closed."""

    at_s: float
    started_s: float
    bus_is_up: bool
    sources: Mapping[str, SourceHealth]
    proof_of_life: str
    """A topic that is never silent while the service lives: routers report each second."""
    closed_s: int = field(init=False)
    _made: dict[Hashable, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "closed_s", math.floor(self.at_s))
        object.__setattr__(self, "_made", {})

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several readings of this tick are made of, made for the first that asks."""
        try:
            found: T = self._made[key]
        except KeyError:
            found = self._made[key] = make()
        return found

    def trouble(self, topics: tuple[str, ...], window_s: float) -> Trouble | None:
        """Why nothing may be believed that these topics feed, or None."""
        key = (topics, window_s)
        if key not in self._made:
            self._made[key] = self._trouble(topics, window_s)
        found: Trouble | None = self._made[key]
        return found

    def _trouble(self, topics: tuple[str, ...], window_s: float) -> Trouble | None:
        if not self.bus_is_up:
            return ReadingState.DOWN, "the bus is down"
        limit_s = WINDOWS_OF_LAG * min(window_s or SYSTEM_WINDOW_S, SYSTEM_WINDOW_S)
        alive = self.sources[self.proof_of_life].silent_s <= limit_s
        for topic in topics:
            source = self.sources[topic]
            if source.behind:
                return ReadingState.STALE, source.behind
            if source.lag_s > limit_s:
                return ReadingState.STALE, f"lag {source.lag_s:.0f}s in {topic}"
            if source.silent_s > limit_s and not alive:
                return ReadingState.STALE, f"no telemetry for {source.silent_s:.0f}s"
        return None

    def reading(
        self,
        spec: SignalSpec,
        topics: tuple[str, ...],
        window: tuple[float, float],
        value: float | None,
        sample_size: int,
        idle: str = "",
    ) -> Reading:
        """Judge a measured value; one that is not finite is none.

        ``idle`` says why there is nothing to measure, if so.
        """
        start_s, end_s = window
        trouble = self.trouble(topics, end_s - start_s)
        if trouble is not None:
            return Reading(None, trouble[0], sample_size, start_s, end_s, trouble[1])
        if idle and not sample_size:
            if start_s < self.started_s:
                note = f"watching for {max(0.0, self.at_s - self.started_s):.0f}s"
                return Reading(None, ReadingState.INSUFFICIENT, 0, start_s, end_s, note)
            return Reading(None, ReadingState.IDLE, 0, start_s, end_s, idle)
        if value is None or sample_size < spec.least_sample:
            few = sample_size < spec.least_sample
            note = f"{sample_size} of {spec.least_sample}" if few else "nothing to measure yet"
            return Reading(None, ReadingState.INSUFFICIENT, sample_size, start_s, end_s, note)
        if not math.isfinite(value):
            note = f"{value} is no measurement"
            return Reading(None, ReadingState.INSUFFICIENT, sample_size, start_s, end_s, note)
        return Reading(value, ReadingState.OK, sample_size, start_s, end_s)

    def rate(
        self, spec: SignalSpec, topics: tuple[str, ...], window: tuple[float, float], events: int
    ) -> Reading:
        """Events per second; none is a true zero, once the whole window was watched."""
        start_s, end_s = window
        watched = start_s >= self.started_s and end_s > start_s
        value = events / (end_s - start_s) if watched else None
        return self.reading(spec, topics, window, value, events)

    def plain(self, spec: SignalSpec, window: tuple[float, float], value: float) -> Reading:
        """A value about the telemetry itself: believed while the bus is up, lag or not."""
        return self.reading(spec, (), window, value, 0)

    def window(self, window_s: float) -> tuple[float, float]:
        """The last closed window of this length."""
        return self.closed_s - math.ceil(window_s), self.closed_s

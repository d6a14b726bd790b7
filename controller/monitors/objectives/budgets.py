"""Service-level objectives: good and total requests by minute, what burns, what is left.

Fed by users' valid requests. Windows are whole minutes and the one now running, so a window of
5 min is 5 to 6 min long. Objectives of minutes (``ctr_uplift``, ``cost``) are made of other
signals' readings, see `minutes`; their minutes depend on each other, so for them a burn rate is a
careful figure, not an exact test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, Readings, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView, Mask
from controller.monitors.counting.nesting import nested, text_array, unnested
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.objectives.minute_counts import MINUTE_S, MinuteCounts, Table
from controller.monitors.objectives.minutes import judged_minute
from controller.monitors.system import columns
from controller.monitors.tick import TickView
from controller.settings import Objective, Settings
from controller.statistics.burn_rate import (
    WINDOWS_RATIO,
    budget_left,
    least_burn,
    least_events,
)
from controller.telemetry.schema import SERVED

_BURN = "How many times too fast the error budget surely burns, over {} and its twelfth"


def _burn(name: str, window_s: float, over: str) -> SignalSpec:
    return SignalSpec(name, "value", ("slo",), 0, window_s, _BURN.format(over), harm="high")


BURN = _burn("slo.burn_rate", 3_600.0, "the window")
# Gauges, since playbooks may not ask for other windows beyond an hour.
BURN_6H = _burn("slo.burn_rate_6h", 0.0, "6 h")
BURN_3D = _burn("slo.burn_rate_3d", 0.0, "3 d")
LEFT = SignalSpec(
    "slo.budget_left",
    "value",
    ("slo",),
    0,
    0.0,
    "Share of the error budget left in the objective's window; below 0 when it is overdrawn",
    harm="low",
)
ATTAINED = SignalSpec(
    "slo.attained",
    "share",
    ("slo",),
    1,
    0.0,
    "Share of good events in the objective's window",
    harm="low",
)
EVENTS = SignalSpec(
    "slo.events_per_s", "per_s", ("slo",), 0, 60.0, "Events (or known minutes) of the objective"
)
BAD_EVENTS = SignalSpec(
    "slo.bad_per_s",
    "per_s",
    ("slo",),
    0,
    60.0,
    "Bad events (or minutes) of the objective",
    harm="high",
)
SPECS = (BURN, BURN_6H, BURN_3D, LEFT, ATTAINED, EVENTS, BAD_EVENTS)
_BURNS = {BURN.name: BURN, BURN_6H.name: BURN_6H, BURN_3D.name: BURN_3D}
_BURN_WINDOW_S = {BURN_6H.name: 21_600.0, BURN_3D.name: 259_200.0}
OF_REQUESTS = ("availability", "latency")


def _of_requests(settings: Settings) -> dict[str, Objective]:
    found = settings.objectives.items()
    return {name: o for name, o in found if o.indicator in OF_REQUESTS}


def _of_minutes(settings: Settings) -> dict[str, Objective]:
    found = settings.objectives.items()
    return {name: o for name, o in found if o.indicator not in OF_REQUESTS}


def _definitions(objectives: Mapping[str, Objective]) -> list[str]:
    """What must be the same for old counts to be of this objective."""
    return [f"{name} {o.indicator} {o.threshold}" for name, o in objectives.items()]


def _stored(counts: MinuteCounts, definitions: list[str]) -> Arrays:
    return {"names": text_array(definitions), **counts.snapshot()}


def _restore(
    counts: MinuteCounts, definitions: list[str], arrays: Mapping[str, NDArray[Any]]
) -> None:
    names = arrays["names"].tolist()
    if len(names) != arrays["minutes"].shape[2]:
        raise ValueError("minutes have other series than their names say")
    counts.restore(arrays, [names.index(d) if d in names else None for d in definitions])


class ObjectiveTally:
    """Total and bad requests of each objective of requests."""

    def __init__(self, settings: Settings) -> None:
        objectives = _of_requests(settings)
        self._definitions = _definitions(objectives)
        self._limits_ms = tuple(o.threshold for o in objectives.values())
        self.counts = MinuteCounts(len(objectives))

    def update(self, rows: BatchView) -> None:
        if not self._limits_ms or not rows.row_count:
            return
        key = ("objectives", self._limits_ms)
        bad = np.asarray(rows.sliced(key, self._bad))
        first_s, last_s = rows.span("done_at_s")
        first, last = int(first_s // MINUTE_S), int(last_s // MINUTE_S)
        if first == last:
            self.counts.add(first, self._table(bad))
            return
        minutes = rows.seconds("done_at_s") // MINUTE_S
        for minute in np.unique(minutes).tolist():
            self.counts.add(minute, self._table(bad[minutes == minute]))

    def _bad(self, whole: BatchView) -> Any:
        """[row, 1 + objective]: counts at all, and is bad."""
        counted, answered = columns.of_users(whole), columns.has_slate(whole)
        found = [counted]
        for limit_ms in self._limits_ms:
            good: Mask = answered
            if limit_ms is not None:
                # Latencies are float32: so is the limit, and one exactly at it is good.
                good = answered & (whole.numbers("latency_ms") <= float(np.float32(limit_ms)))
            found.append(counted & ~good)
        return np.stack(found, axis=1)

    def _table(self, bad: NDArray[np.bool_]) -> Table:
        sums = np.count_nonzero(bad, axis=0)
        table = np.empty((len(self._limits_ms), 2), np.int64)
        table[:, 0], table[:, 1] = sums[0], sums[1:]
        return table

    def merge(self, other: ObjectiveTally) -> None:
        self.counts.merge(other.counts)

    def forget(self, before_s: float, after_s: float) -> None:
        self.counts.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return _stored(self.counts, self._definitions)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        _restore(self.counts, self._definitions, arrays)


class ObjectiveReader(Reader):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._objectives = settings.objectives
        self._of_minutes = _of_minutes(settings)
        self._definitions = _definitions(self._of_minutes)
        self._place = {name: at for at, name in enumerate(_of_requests(settings))}
        self._place |= {name: at for at, name in enumerate(self._of_minutes)}
        self._minutes = MinuteCounts(len(self._of_minutes))
        self._judged: int | None = None
        self._longest_s = _longest_s(settings)

    def learn(self, readings: Readings, tick: TickView) -> None:
        """Judge the minute that just ended, for the objectives of minutes.

        A reading that is not ok makes the minute neither good nor bad.
        """
        minute = tick.closed_s // MINUTE_S
        if not self._of_minutes or minute == self._judged:
            return
        if self._judged is not None:
            table = np.zeros((len(self._of_minutes), 2), np.int64)
            for at, objective in enumerate(self._of_minutes.values()):
                good = judged_minute(objective, readings, self._settings)
                table[at] = 0 if good is None else (1, not good)
            self._minutes.add(minute - 1, table)
            self._minutes.forget(tick.at_s - self._longest_s - MINUTE_S, tick.at_s)
        self._judged = minute

    def families(self, tally: ObjectiveTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family(SPECS, "slo", tuple(self._objectives), is_open=False),)

    def reading(self, key: SignalKey, tally: ObjectiveTally, tick: TickView) -> Reading:
        name = key.labels[0][1]
        objective, at = self._objectives[name], self._place[name]
        is_minutes = name in self._of_minutes
        counts = self._minutes if is_minutes else tally.counts
        view = _View(objective, counts, at, tick, () if is_minutes else (SERVED,))
        if key.name in _BURNS:
            return view.burn(_BURN_WINDOW_S.get(key.name, key.window_s))
        if key.name == LEFT.name:
            return view.left()
        if key.name == ATTAINED.name:
            return view.attained()
        return view.rate(EVENTS if key.name == EVENTS.name else BAD_EVENTS, key.window_s)

    def snapshot(self) -> Arrays:
        judged = -1 if self._judged is None else self._judged
        stored = _stored(self._minutes, self._definitions)
        return nested(own={"judged": np.array([judged], np.int64)}, minutes=stored)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if not arrays:
            return
        judged = int(unnested(arrays, "own")["judged"][0])
        self._judged = None if judged < 0 else judged
        _restore(self._minutes, self._definitions, unnested(arrays, "minutes"))


class _View:
    """One objective's counts at a tick."""

    def __init__(
        self,
        objective: Objective,
        counts: MinuteCounts,
        place: int,
        tick: TickView,
        topics: tuple[str, ...],
    ) -> None:
        self._objective, self._counts, self._place = objective, counts, place
        self._tick, self._topics = tick, topics
        self._now = tick.closed_s // MINUTE_S
        self._what = "requests" if topics else "known minutes"

    def _sum(self, minutes: int) -> tuple[int, int]:
        return self._between(self._now - minutes, self._now + 1)

    def _between(self, first: int, after: int) -> tuple[int, int]:
        """Total and bad; counted once for all objectives."""
        counts = self._counts
        every = self._tick.once(
            (counts, first, after), lambda: counts.between(first, after).tolist()
        )
        total, bad = every[self._place]
        return total, bad

    def burn(self, window_s: float) -> Reading:
        minutes = math.ceil(window_s / MINUTE_S)
        brief = max(1, math.ceil(minutes / WINDOWS_RATIO))
        long, short = self._sum(minutes), self._sum(brief)
        if not long[0] or not short[0]:
            note = f"no {self._what} in {brief if long[0] else minutes} min"
            return self._told(minutes, None, long[0], ReadingState.IDLE, note)
        return self._told(minutes, least_burn(long, short, self._objective.target), long[0])

    def left(self) -> Reading:
        minutes = math.ceil(self._objective.window_s / MINUTE_S)
        total, bad = self._sum(minutes)
        least = math.ceil(least_events(self._objective.target) - 1e-6)
        if total < least:
            note = f"{total} of {least} {self._what}"
            return self._told(minutes, None, total, ReadingState.INSUFFICIENT, note)
        return self._told(minutes, budget_left(total, bad, self._objective.target), total)

    def attained(self) -> Reading:
        minutes = math.ceil(self._objective.window_s / MINUTE_S)
        total, bad = self._sum(minutes)
        if not total:
            note = f"no {self._what} yet"
            return self._told(minutes, None, 0, ReadingState.INSUFFICIENT, note)
        return self._told(minutes, 1.0 - bad / total, total)

    def rate(self, spec: SignalSpec, window_s: float) -> Reading:
        minutes = math.ceil(window_s / MINUTE_S)
        first = self._now - minutes
        total, bad = self._between(first, self._now)
        window = (float(first * MINUTE_S), float(self._now * MINUTE_S))
        return self._tick.rate(spec, self._topics, window, total if spec is EVENTS else bad)

    def _told(
        self,
        minutes: int,
        value: float | None,
        total: int,
        state: ReadingState = ReadingState.OK,
        note: str = "",
    ) -> Reading:
        start_s, end_s = float((self._now - minutes) * MINUTE_S), float(self._tick.closed_s)
        trouble = self._tick.trouble(self._topics, end_s - start_s)
        if trouble is not None:
            return Reading(None, trouble[0], total, start_s, end_s, trouble[1])
        return Reading(value, state, total, start_s, end_s, note)


def _longest_s(settings: Settings) -> float:
    windows = (o.window_s for o in settings.objectives.values())
    return max((*windows, *_BURN_WINDOW_S.values())) + 2 * MINUTE_S


MONITOR = Monitor(
    "objectives",
    (SERVED,),
    SPECS,
    ObjectiveTally,
    ObjectiveReader,
    extra_horizon_s=_longest_s,
    every_s=10,
)

"""Click-through rate per arm drawn: users' requests, at most one click each.

Requests are windowed by the time of their draw and read once they are W seconds old
(``attribution_window_s``), for all arms alike, as far as the watermark of the live partitions has
come. An answer by the fallback stays charged to the arm drawn. Bots count on neither side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting import click_rows
from controller.monitors.counting.batch_view import BatchView, Mask, Some
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.request_sets import Key, RequestSets
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.outcome.matured import MINUTE_S, MaturedMinutes, lift_specs
from controller.monitors.tick import SYSTEM_WINDOW_S, WINDOWS_OF_LAG, TickView
from controller.settings import Settings
from controller.telemetry.schema import OUTCOME, SERVED

CLICK = click_rows.CLICK
CTR = SignalSpec(
    "ctr",
    "share",
    ("arm",),
    # At a rate of 5 %, 200 requests bring 10 clicks: a relative standard error of 31 %. With
    # fewer the number is noise. Decisions between arms need far more and have their own test.
    200,
    60.0,
    "Share of users' requests drawn to the arm that were clicked within the attribution window",
    users_only=True,
    harm="low",
)
OVERDUE = SignalSpec(
    "clicks_missing",
    "count",
    (),
    0,
    0.0,
    "Clicks that the usual rate made due since the last outcome of any kind; from 20 on `ctr` is "
    "stale",
)
Found = tuple[str, bytes, int]
"""Arm, request id and second of a draw or a click."""
LEAST_EXPECTED_CLICKS = 20.0
"""So many clicks missing at once happen by chance once in 5e8 (exp(-20)): the source is gone."""


class ClickTally:
    def __init__(self, arms: Sequence[str], attribution_window_s: float) -> None:
        self.window_s = attribution_window_s
        self.requests = Slots(1, first=arms)
        self.clicked = RequestSets()
        self.bots = RequestSets()
        self._by_people = Slots(1, first=arms)
        """How many of ``clicked`` are not among ``bots``: follows from the two."""

    def update(self, rows: BatchView) -> None:
        if rows.topic == OUTCOME:
            self._click(rows)
        else:
            self._draw(rows)

    def _draw(self, rows: BatchView) -> None:
        self.requests.count(rows.events("clicks.requests", _requests, "at_s"))
        bots = rows.some("clicks.bots", _bots)
        for key, second in self.bots.add(*self._named(bots)):
            if self.clicked.has(key, second):
                self._by_people.bump(key[0], second, -1)

    def _click(self, rows: BatchView) -> None:
        clicks = rows.some(("clicks", self.window_s), lambda whole: _clicks(whole, self.window_s))
        for key, second in self.clicked.add(*self._named(clicks)):
            if not self.bots.has(key, second):
                self._by_people.bump(key[0], second, 1)

    def _named(self, found: Sequence[Found]) -> tuple[list[Key], list[int]]:
        """Keys under the series they are counted in, and their seconds."""
        keys = [(self.requests.series_of(arm), request_id) for arm, request_id, _ in found]
        return keys, [second for _, _, second in found]

    def clicks(self, arm: str, start_s: float, end_s: float) -> int:
        """Requests drawn to the arm in the window that a person clicked."""
        return int(self._by_people.window(arm, int(start_s), int(end_s))[0])

    def everywhere(self, start_s: float, end_s: float) -> tuple[int, int]:
        """Requests of all arms in the window, and how many of them a person clicked."""
        requests = self.requests.windows(start_s, end_s)
        clicks = self._by_people.windows(int(start_s), int(end_s))
        return int(requests.sum()), int(clicks.sum())

    def by_arm(self, start_s: float, end_s: float) -> dict[str, tuple[int, int]]:
        """Requests drawn to each arm in the window, and how many of them a person clicked."""
        requests = self._by_arm(self.requests, start_s, end_s)
        clicks = self._by_arm(self._by_people, start_s, end_s)
        return {arm: (requests.get(arm, 0), clicks.get(arm, 0)) for arm in requests}

    @staticmethod
    def _by_arm(slots: Slots, start_s: float, end_s: float) -> dict[str, int]:
        found = dict.fromkeys(slots.names(), 0)
        for _, table in slots.tables(start_s, end_s):
            for arm, (count,) in zip(found, table.tolist(), strict=False):
                found[arm] += count
        return found

    def merge(self, other: ClickTally) -> None:
        self.requests.merge(other.requests)
        for key, second in self.bots.merge(other.bots):
            if self.clicked.has(key, second):
                self._by_people.bump(key[0], second, -1)
        for key, second in self.clicked.merge(other.clicked):
            if not self.bots.has(key, second):
                self._by_people.bump(key[0], second, 1)

    def _count_people(self) -> None:
        self._by_people = Slots(1, first=self.requests.names())
        for key, second in self.clicked.entries():
            if not self.bots.has(key, second):
                self._by_people.bump(key[0], second, 1)

    def forget(self, before_s: float, after_s: float) -> None:
        self.requests.forget(before_s, after_s)
        self.clicked.forget(before_s, after_s)
        self.bots.forget(before_s, after_s)
        self._by_people.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return nested(
            requests=self.requests.snapshot(),
            clicked=self.clicked.snapshot(),
            bots=self.bots.snapshot(),
        )

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.requests.restore(unnested(arrays, "requests"))
        self.clicked.restore(unnested(arrays, "clicked"))
        self.bots.restore(unnested(arrays, "bots"))
        self._count_people()


def _requests(rows: BatchView) -> RowEvents:
    """Draws of people that may be clicked."""
    arm = rows.labels("arm")
    people = _drawn(rows) & (rows.numbers("bot") != 1.0)
    return RowEvents.of(
        rows.row_count,
        arm.names,
        people,
        None,
        arm.codes,
        rows.timely_seconds("at_s"),
        np.zeros_like(arm.codes),
    )


def _bots(rows: BatchView) -> Some[Found]:
    return _found(rows, _drawn(rows) & (rows.numbers("bot") == 1.0), "at_s")


def _drawn(rows: BatchView) -> Mask:
    found: Mask = rows.made("clicks.drawn", _whether_drawn)
    return found


def _whether_drawn(rows: BatchView) -> Mask:
    kept = rows.labels("role").equal("user") & (rows.labels("arm").codes >= 0)
    kept &= rows.timely("at_s") & rows.present("request_id")
    return kept & ~rows.labels("outcome").equal("invalid", "shed")


def _clicks(rows: BatchView, window_s: float) -> Some[Found]:
    return _found(rows, click_rows.in_time(rows, window_s), "served_at_s")


def _found(rows: BatchView, kept: Mask, time_column: str) -> Some[Found]:
    """Arm, request and second of the kept rows."""
    places = np.flatnonzero(kept)
    if not places.size:
        return Some(places, [])
    arm, seconds = rows.labels("arm"), rows.timely_seconds(time_column)[places].tolist()
    arms = [arm.names[code] for code in arm.codes[places].tolist()]
    ids = rows.request_ids(places)
    return Some(places, list(zip(arms, ids, seconds, strict=True)))


class ClickReader(Reader):
    """Remembers the usual rate, to tell a source that fell silent from users who do not click."""

    def __init__(self, settings: Settings) -> None:
        self._usual_rate: float | None = None
        self._minutes = MaturedMinutes()
        self._lifts = {spec.name: spec for spec in lift_specs(settings)}
        self._fixed = (Family((OVERDUE, *self._lifts.values())),)

    def advance(self, tally: ClickTally, tick: TickView) -> None:
        matured_s = _matured_s(tally, tick)
        if tick.sources[OUTCOME].silent_s <= WINDOWS_OF_LAG * SYSTEM_WINDOW_S:
            self._learn(tally, matured_s)
        last_s = matured_s // MINUTE_S * MINUTE_S - MINUTE_S
        if last_s >= self._minutes.upto_s and last_s >= tick.started_s:
            # Minutes that were jumped over are gone from the tally, or nearly.
            self._minutes.add(last_s, tally.by_arm(last_s, last_s + MINUTE_S))

    def families(self, tally: ClickTally) -> tuple[Family, ...]:
        return (Family((CTR,), "arm", tuple(tally.requests.names())), *self._fixed)

    def reading(self, key: SignalKey, tally: ClickTally, tick: TickView) -> Reading:
        if key.name == OVERDUE.name:
            return self._overdue_reading(tally, tick)
        if key.name in self._lifts:
            return self._lift(key, tick)
        arm, matured_s = key.labels[0][1], _matured_s(tally, tick)
        window = (float(matured_s - math.ceil(key.window_s)), float(matured_s))
        requests = int(tally.requests.window(arm, *window)[0])
        value = tally.clicks(arm, *window) / requests if requests else None
        reading = self._judge(tick, window, value, requests)
        missing = self._missing(tally, tick) if reading.state is ReadingState.OK else ""
        return Reading(None, ReadingState.STALE, requests, *window, missing) if missing else reading

    @staticmethod
    def _judge(
        tick: TickView, window: tuple[float, float], value: float | None, requests: int
    ) -> Reading:
        if value is not None and not tick.sources[OUTCOME].heard and tick.bus_is_up:
            note = "no outcome was ever heard"
            return Reading(None, ReadingState.INSUFFICIENT, requests, *window, note)
        return tick.reading(CTR, (SERVED, OUTCOME), window, value, requests, "no traffic")

    def _lift(self, key: SignalKey, tick: TickView) -> Reading:
        name, _, part = key.name.rpartition(".")
        _, arm, control = name.removesuffix(")").split(",")
        window = self._minutes.window(key.window_s)
        lift, requests = self._minutes.lift(arm, control, window)
        value = None if lift is None else lift.lower if part == "lower" else lift.upper
        return tick.reading(self._lifts[key.name], (SERVED, OUTCOME), window, value, requests)

    def _overdue_reading(self, tally: ClickTally, tick: TickView) -> Reading:
        window = (tick.at_s - tick.sources[OUTCOME].silent_s, tick.at_s)
        if self._usual_rate is None and tick.bus_is_up:
            note = "the usual rate is not known yet"
            return Reading(None, ReadingState.INSUFFICIENT, 0, *window, note)
        return tick.reading(OVERDUE, (SERVED,), window, self._overdue(tally, tick), 0)

    def _overdue(self, tally: ClickTally, tick: TickView) -> float:
        """How many clicks the usual rate made due while nothing came."""
        silent_s = tick.sources[OUTCOME].silent_s
        if silent_s <= WINDOWS_OF_LAG * SYSTEM_WINDOW_S:
            return 0.0
        asked = tally.requests.total(tick.closed_s - silent_s, tick.closed_s)
        return asked * (self._usual_rate or 0.0)

    def _missing(self, tally: ClickTally, tick: TickView) -> str:
        """Why clicks cannot be believed to be all there, or nothing."""
        expected = self._overdue(tally, tick)
        if expected < LEAST_EXPECTED_CLICKS:
            return ""
        silent_s = tick.sources[OUTCOME].silent_s
        return f"no outcome for {silent_s:.0f}s although {expected:.0f} clicks were due"

    def _learn(self, tally: ClickTally, matured_s: int) -> None:
        start_s = matured_s - math.ceil(CTR.default_window_s)
        requests, clicks = tally.everywhere(start_s, matured_s)
        if requests >= CTR.least_sample:
            self._usual_rate = clicks / requests

    def snapshot(self) -> Arrays:
        rate = math.nan if self._usual_rate is None else self._usual_rate
        return {"usual_rate": np.array([rate]), **self._minutes.snapshot()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if not arrays:
            return
        rate = float(arrays["usual_rate"][0])
        self._usual_rate = None if math.isnan(rate) else rate
        self._minutes.restore(arrays)


def _matured_s(tally: ClickTally, tick: TickView) -> int:
    """Requests before this are as old as the attribution window, as far as telemetry has come."""
    watermark_s = min(tick.sources[SERVED].watermark_s, tick.sources[OUTCOME].watermark_s)
    return math.floor(watermark_s - tally.window_s)


def _tally(settings: Settings) -> ClickTally:
    return ClickTally(tuple(settings.arms), settings.attribution_window_s)


MONITOR = Monitor(
    "clicks",
    (SERVED, OUTCOME),
    (CTR, OVERDUE),
    _tally,
    ClickReader,
    extra_horizon_s=lambda settings: settings.attribution_window_s,
    more_specs=lift_specs,
)

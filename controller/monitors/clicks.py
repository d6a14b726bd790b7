"""Click-through rate per arm drawn: users' requests, at most one click each.

Requests are windowed by the time of their draw and read once they are W seconds old
(``attribution_window_s``), for all arms alike, as far as the watermark of the live partitions has
come. An answer by the fallback stays charged to the arm drawn. Bots count on neither side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.batch_view import BatchView
from controller.monitors.monitor import Arrays, Monitor, label
from controller.monitors.nesting import nested, unnested
from controller.monitors.request_sets import RequestSets
from controller.monitors.slots import Slots
from controller.monitors.tick import SYSTEM_WINDOW_S, WINDOWS_OF_LAG, TickView
from controller.settings import Settings
from controller.telemetry.schema import OUTCOME, SERVED

CLICK = "click"
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
)
LEAST_EXPECTED_CLICKS = 20.0
"""So many clicks missing at once happen by chance once in 5e8 (exp(-20)): the source is gone."""


class ClickTally:
    def __init__(self, arms: Sequence[str], attribution_window_s: float) -> None:
        self.window_s = attribution_window_s
        self.requests = Slots(1, first=arms)
        self.clicked = RequestSets()
        self.bots = RequestSets()

    def update(self, rows: BatchView) -> None:
        if rows.topic == OUTCOME:
            self._clicks(rows)
        else:
            self._draws(rows)

    def _draws(self, rows: BatchView) -> None:
        arm, drawn_s = rows.labels("arm"), rows.numbers("at_s")
        kept = rows.labels("role").equal("user") & (arm.codes >= 0) & rows.timely("at_s")
        kept &= ~rows.labels("outcome").equal("invalid", "shed") & rows.present("request_id")
        bot = rows.numbers("bot") == 1.0
        people = kept & ~bot
        seconds = np.floor(np.where(kept, drawn_s, 0.0)).astype(np.int64)
        codes = arm.codes[people]
        self.requests.add(arm.names, codes, seconds[people], np.zeros_like(codes))
        bots = np.flatnonzero(kept & bot)
        if bots.size:
            self.bots.add(self._keys(arm, rows, bots), seconds[bots].tolist())

    def _clicks(self, rows: BatchView) -> None:
        arm, drawn_s, at_s = rows.labels("arm"), rows.numbers("served_at_s"), rows.numbers("at_s")
        kept = rows.labels("kind").equal(CLICK) & (arm.codes >= 0) & rows.present("request_id")
        kept &= rows.timely("served_at_s") & rows.timely("at_s")
        kept &= (at_s >= drawn_s) & (at_s <= drawn_s + self.window_s)
        places = np.flatnonzero(kept)
        seconds = np.floor(drawn_s[places]).astype(np.int64).tolist()
        self.clicked.add(self._keys(arm, rows, places), seconds)

    def _keys(
        self, arm: Any, rows: BatchView, places: NDArray[np.int64]
    ) -> list[tuple[str, bytes]]:
        ids = rows.batch.column("request_id").take(places).to_pylist()
        return [
            (self.requests.series_of(arm.names[arm.codes[place]]), request_id)
            for place, request_id in zip(places.tolist(), ids, strict=True)
        ]

    def clicks(self, arm: str, start_s: float, end_s: float) -> int:
        """Requests drawn to the arm in the window that a person clicked."""
        return self.clicked.count(arm, int(start_s), int(end_s), without=self.bots)

    def merge(self, other: ClickTally) -> None:
        self.requests.merge(other.requests)
        self.clicked.merge(other.clicked)
        self.bots.merge(other.bots)

    def forget(self, before_s: float, after_s: float) -> None:
        self.requests.forget(before_s, after_s)
        self.clicked.forget(before_s, after_s)
        self.bots.forget(before_s, after_s)

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


class ClickReader:
    """Remembers the usual rate, to tell a source that fell silent from users who do not click."""

    def __init__(self) -> None:
        self._usual_rate = 0.0

    def read(self, tally: ClickTally, tick: TickView) -> Iterator[tuple[SignalKey, Reading]]:
        watermark_s = min(tick.sources[SERVED].watermark_s, tick.sources[OUTCOME].watermark_s)
        matured_s = math.floor(watermark_s - tally.window_s)
        missing = self._missing(tally, tick, matured_s)
        for arm in tick.series((CTR,), "arm", tally.requests.names()):
            for key in tick.keys(CTR, label("arm", arm)):
                window = (float(matured_s - math.ceil(key.window_s)), float(matured_s))
                requests = int(tally.requests.window(arm, *window).sum())
                value = tally.clicks(arm, *window) / requests if requests else None
                reading = self._judge(tick, window, value, requests)
                if missing and reading.state is ReadingState.OK:
                    reading = Reading(None, ReadingState.STALE, requests, *window, missing)
                yield key, reading

    @staticmethod
    def _judge(
        tick: TickView, window: tuple[float, float], value: float | None, requests: int
    ) -> Reading:
        if value is not None and not tick.sources[OUTCOME].heard and tick.bus_is_up:
            note = "no outcome was ever heard"
            return Reading(None, ReadingState.INSUFFICIENT, requests, *window, note)
        return tick.reading(CTR, (SERVED, OUTCOME), window, value, requests, "no traffic")

    def _missing(self, tally: ClickTally, tick: TickView, matured_s: int) -> str:
        """Why clicks cannot be believed to be all there, or nothing."""
        silent_s = tick.sources[OUTCOME].silent_s
        if silent_s <= WINDOWS_OF_LAG * SYSTEM_WINDOW_S:
            self._learn(tally, matured_s)
            return ""
        asked = sum(
            int(tally.requests.window(arm, tick.closed_s - silent_s, tick.closed_s).sum())
            for arm in tally.requests.names()
        )
        expected = asked * self._usual_rate
        if expected < LEAST_EXPECTED_CLICKS:
            return ""
        return f"no outcome for {silent_s:.0f}s although {expected:.0f} clicks were due"

    def _learn(self, tally: ClickTally, matured_s: int) -> None:
        start_s = matured_s - math.ceil(CTR.default_window_s)
        arms = tally.requests.names()
        requests = sum(int(tally.requests.window(arm, start_s, matured_s).sum()) for arm in arms)
        if requests >= CTR.least_sample:
            clicks = sum(tally.clicks(arm, start_s, matured_s) for arm in arms)
            self._usual_rate = clicks / requests


def _tally(settings: Settings) -> ClickTally:
    return ClickTally(tuple(settings.arms), settings.attribution_window_s)


MONITOR = Monitor(
    "clicks",
    (SERVED, OUTCOME),
    (CTR,),
    _tally,
    lambda _settings: ClickReader(),
    extra_horizon_s=lambda settings: settings.attribution_window_s,
)

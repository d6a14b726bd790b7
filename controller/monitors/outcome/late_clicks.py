"""How many clicks come too late to count: a hint that the attribution window is too short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import ONE_SERIES, RowEvents
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.outcome.clicks import CLICK
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.telemetry.schema import OUTCOME

STEP_S = 10
LATE_CLICKS = SignalSpec(
    "late_click_rate",
    "share",
    (),
    100,
    600.0,
    "Share of clicks that came after the attribution window, of all that came",
)


class LateClickTally:
    """Clicks by whether they came in time (cell 0) or late (1), at the time of the click."""

    def __init__(self, attribution_window_s: float) -> None:
        self._window_s = attribution_window_s
        self.clicks = Slots(2, first=("",), step_s=STEP_S)

    def update(self, rows: BatchView) -> None:
        if not rows.row_count:
            return

        def make(whole: BatchView) -> RowEvents:
            return _clicks(whole, self._window_s)

        self.clicks.count(rows.events(("late_clicks", self._window_s), make, "at_s"))

    def merge(self, other: LateClickTally) -> None:
        self.clicks.merge(other.clicks)

    def forget(self, before_s: float, after_s: float) -> None:
        self.clicks.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return self.clicks.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.clicks.restore(arrays)


def _clicks(rows: BatchView, window_s: float) -> RowEvents:
    drawn_s, at_s = rows.numbers("served_at_s"), rows.numbers("at_s")
    kept = rows.labels("kind").equal(CLICK) & rows.timely("served_at_s") & rows.timely("at_s")
    kept &= at_s >= drawn_s
    late = (at_s > drawn_s + window_s).astype(np.int64)
    seconds = np.where(kept, at_s, 0.0).astype(np.int64)
    return RowEvents.of(rows.row_count, ONE_SERIES, kept, None, 0, seconds, late)


class LateClickReader(Reader):
    def families(self, tally: LateClickTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family((LATE_CLICKS,)),)

    def reading(self, key: SignalKey, tally: LateClickTally, tick: TickView) -> Reading:
        window = tick.window(key.window_s)
        timely, late = tally.clicks.window("", *window).tolist()
        total = timely + late
        value = late / total if total else None
        return tick.reading(LATE_CLICKS, (OUTCOME,), window, value, total, "no clicks")


def _tally(settings: Settings) -> LateClickTally:
    return LateClickTally(settings.attribution_window_s)


MONITOR = Monitor(
    "late_clicks",
    (OUTCOME,),
    (LATE_CLICKS,),
    _tally,
    lambda _settings: LateClickReader(),
    every_s=10,
)

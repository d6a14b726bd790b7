"""Requests waiting in front of each arm, and whether they get more, as its replicas report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.latest import LatestTally
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system.queue_slope import SLOPE_OVER_S, QueueSlopes
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.telemetry.schema import REPLICA

LIVE_S = 3.0
"""A replica not heard for this long counts as gone; it reports each second."""
DEPTH = SignalSpec(
    "queue_depth",
    "count",
    ("arm",),
    1,
    0.0,
    "Requests queued at the arm's replicas, summed",
    harm="high",
)
OLDEST = SignalSpec(
    "oldest_queued_s",
    "s",
    ("arm",),
    1,
    0.0,
    "How long the arm's oldest queued request waits",
    harm="high",
)
LEAST_SAMPLES = 15
SLOPE = SignalSpec(
    "queue_depth.slope",
    "per_s",
    ("arm",),
    LEAST_SAMPLES,
    0.0,
    "Requests per second by which the arm's queue grew, over the last 30 s (Theil-Sen)",
    harm="high",
)
SPECS = (DEPTH, OLDEST, SLOPE)


class QueueTally(LatestTally):
    """The latest report of every replica of an arm."""

    columns = ("queue_depth", "oldest_queued_s")

    def update(self, rows: BatchView) -> None:
        self.take(rows, kind="arm", group="arm")


class _Queue(NamedTuple):
    """One arm's at a tick. ``live`` replicas report, ``gone`` ones did within the minute."""

    depth: float
    oldest_s: float
    live: int
    gone: int


_NO_QUEUE = _Queue(0.0, 0.0, 0, 0)


class QueueReader(Reader):
    def __init__(self, arms: tuple[str, ...]) -> None:
        self._arms = arms
        self._slopes = QueueSlopes()
        self._queues: dict[str, _Queue] = {}

    def advance(self, tally: QueueTally, tick: TickView) -> None:
        """Sum up each arm's queue, and remember its depth while anybody reports it."""
        self._queues = _queues(tally, tick.at_s - LIVE_S)
        self._slopes.forget(tick.at_s - SLOPE_OVER_S)
        for arm, queue in self._queues.items():
            if queue.live:
                self._slopes.add(arm, tick.at_s, queue.depth)

    def families(self, tally: QueueTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family(SPECS, "arm", tuple(dict.fromkeys((*self._arms, *self._queues)))),)

    def reading(self, key: SignalKey, tally: QueueTally, tick: TickView) -> Reading:  # noqa: ARG002
        arm, now = key.labels[0][1], (tick.at_s, tick.at_s)
        queue = self._queues.get(arm, _NO_QUEUE)
        if queue.gone and not queue.live and tick.trouble((REPLICA,), 0.0) is None:
            note = f"none of {queue.gone} replicas heard for {LIVE_S:.0f}s"
            return Reading(None, ReadingState.DOWN, 0, *now, note)
        idle = "no replica reports"
        if key.name == DEPTH.name:
            return tick.reading(DEPTH, (REPLICA,), now, queue.depth, queue.live, idle)
        if key.name == OLDEST.name:
            return tick.reading(OLDEST, (REPLICA,), now, queue.oldest_s, queue.live, idle)
        slope, samples = self._slopes.of(arm) if queue.live else (None, 0)
        window = (tick.at_s - SLOPE_OVER_S, tick.at_s)
        return tick.reading(SLOPE, (REPLICA,), window, slope, samples, idle)

    def snapshot(self) -> Arrays:
        return self._slopes.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._slopes.restore(arrays)


def _queues(tally: QueueTally, oldest_live_s: float) -> dict[str, _Queue]:
    found: dict[str, _Queue] = {}
    for report in tally.reports():
        depth, oldest_s, live, gone = found.get(report.group, _NO_QUEUE)
        if report.at_s < oldest_live_s:
            found[report.group] = _Queue(depth, oldest_s, live, gone + 1)
        else:
            queued, waited_s = (0.0 if v != v else v for v in report.values)
            found[report.group] = _Queue(depth + queued, max(oldest_s, waited_s), live + 1, gone)
    return found


def _reader(settings: Settings) -> QueueReader:
    return QueueReader(tuple(settings.arms))


MONITOR = Monitor("queues", (REPLICA,), SPECS, lambda _settings: QueueTally(), _reader)

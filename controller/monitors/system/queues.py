"""Requests waiting in front of each arm, from what its replicas report each second."""

from __future__ import annotations

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.latest import LatestTally
from controller.monitors.monitor import Family, Monitor, Reader
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.telemetry.schema import REPLICA

LIVE_S = 3.0
"""A replica not heard for this long counts as gone; it reports each second."""
DEPTH = SignalSpec(
    "queue_depth", "count", ("arm",), 1, 0.0, "Requests queued at the arm's replicas, summed"
)
OLDEST = SignalSpec(
    "oldest_queued_s", "s", ("arm",), 1, 0.0, "How long the arm's oldest queued request waits"
)
SPECS = (DEPTH, OLDEST)


class QueueTally(LatestTally):
    """The latest report of every replica of an arm."""

    columns = ("queue_depth", "oldest_queued_s")

    def update(self, rows: BatchView) -> None:
        self.take(rows, kind="arm", group="arm")


class QueueReader(Reader):
    def __init__(self, arms: tuple[str, ...]) -> None:
        self._arms = arms

    def families(self, tally: QueueTally) -> tuple[Family, ...]:
        arms = dict.fromkeys((*self._arms, *(report.group for report in tally.reports())))
        return (Family(SPECS, "arm", tuple(arms)),)

    def reading(self, key: SignalKey, tally: QueueTally, tick: TickView) -> Reading:
        arm, oldest_live_s = key.labels[0][1], tick.at_s - LIVE_S
        mine = [report for report in tally.reports() if report.group == arm]
        live = [report for report in mine if report.at_s >= oldest_live_s]
        gone = len(mine) - len(live)
        known = [[0.0 if v != v else v for v in report.values] for report in live]
        if key.name == DEPTH.name:
            depth = sum(depth for depth, _ in known)
            return self._reading(DEPTH, depth, len(live), gone, tick)
        oldest_s = max((waited_s for _, waited_s in known), default=0.0)
        return self._reading(OLDEST, oldest_s, len(live), gone, tick)

    @staticmethod
    def _reading(spec: SignalSpec, value: float, live: int, gone: int, tick: TickView) -> Reading:
        now = (tick.at_s, tick.at_s)
        if gone and not live and tick.trouble((REPLICA,), 0.0) is None:
            note = f"none of {gone} replicas heard for {LIVE_S:.0f}s"
            return Reading(None, ReadingState.DOWN, 0, *now, note)
        return tick.reading(spec, (REPLICA,), now, value, live, "no replica reports")


def _reader(settings: Settings) -> QueueReader:
    return QueueReader(tuple(settings.arms))


MONITOR = Monitor("queues", (REPLICA,), SPECS, lambda _settings: QueueTally(), _reader)

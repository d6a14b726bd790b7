"""Requests waiting in front of each arm, from what its replicas report each second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.batch_view import BatchView
from controller.monitors.latest import LatestTally
from controller.monitors.monitor import Monitor, label
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


@dataclass(frozen=True, slots=True)
class _Queue:
    arm: str
    depth: float
    oldest_s: float


class QueueTally(LatestTally):
    """The latest report of every replica of an arm."""

    columns = ("queue_depth", "oldest_queued_s")

    def update(self, rows: BatchView) -> None:
        self.take(rows, rows.labels("kind").equal("arm"), group="arm")


class QueueReader:
    def __init__(self, arms: tuple[str, ...]) -> None:
        self._arms = arms

    def read(self, tally: QueueTally, tick: TickView) -> Iterator[tuple[SignalKey, Reading]]:
        by_arm: dict[str, list[_Queue]] = {arm: [] for arm in self._arms}
        gone: dict[str, int] = {}
        for report in tally.reports():
            if report.at_s < tick.at_s - LIVE_S:
                gone[report.group] = gone.get(report.group, 0) + 1
                continue
            queue = _Queue(report.group, *(0.0 if v != v else v for v in report.values))
            by_arm.setdefault(report.group, []).append(queue)
        for arm in tick.series(SPECS, "arm", [*by_arm, *gone]):
            queues = by_arm.get(arm, [])
            depth = sum(queue.depth for queue in queues)
            oldest_s = max((queue.oldest_s for queue in queues), default=0.0)
            for spec, value in ((DEPTH, depth), (OLDEST, oldest_s)):
                for key in tick.keys(spec, label("arm", arm)):
                    yield key, self._reading(spec, value, len(queues), gone.get(arm, 0), tick)

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

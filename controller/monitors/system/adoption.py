"""Which plan the routers really hold, how many live, and what telemetry they had to drop."""

from __future__ import annotations

from controller.core.readings import (
    PLAN_ADOPTED_EPOCH,
    PLAN_ADOPTED_REVISION,
    Reading,
    ReadingState,
    SignalKey,
    SignalSpec,
)
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.latest import LatestTally
from controller.monitors.counting.running_count import RunningCount
from controller.monitors.monitor import Family, Monitor, Reader
from controller.monitors.tick import TickView
from controller.telemetry.schema import REPLICA

LIVE_S = 3.0
COUNT_WINDOW_S = 60.0
EPOCH = SignalSpec(
    PLAN_ADOPTED_EPOCH.name, "count", (), 1, 0.0, "Epoch of the oldest plan a live router holds"
)
REVISION = SignalSpec(
    PLAN_ADOPTED_REVISION.name, "count", (), 1, 0.0, "Revision of the oldest plan a router holds"
)
LIVE = SignalSpec("routers.live", "count", (), 0, 0.0, "Routers heard in the last 3 s")
DROPPED = SignalSpec(
    "telemetry.dropped",
    "count",
    (),
    0,
    COUNT_WINDOW_S,
    "Telemetry rows that live routers dropped rather than block",
)
SPECS = (EPOCH, REVISION, LIVE, DROPPED)


class RouterTally(LatestTally):
    """The latest report of every router."""

    columns = ("plan_epoch", "plan_revision", "telemetry_dropped")

    def update(self, rows: BatchView) -> None:
        self.take(rows, kind="router", group="kind")


class RouterReader(Reader):
    def __init__(self) -> None:
        self._dropped_by: dict[str, float] = {}
        self._dropped = RunningCount()

    def advance(self, tally: RouterTally, tick: TickView) -> None:
        self._count_drops(tally, tick.at_s)

    def families(self, tally: RouterTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family(SPECS),)

    def reading(self, key: SignalKey, tally: RouterTally, tick: TickView) -> Reading:
        now = (tick.at_s, tick.at_s)
        live = [report for report in tally.reports() if report.at_s >= tick.at_s - LIVE_S]
        if key.name == LIVE.name:
            return tick.reading(LIVE, (REPLICA,), now, float(len(live)), len(live))
        if key.name == DROPPED.name:
            window = (tick.at_s - key.window_s, tick.at_s)
            dropped = self._dropped.within(*window)
            return tick.reading(DROPPED, (REPLICA,), window, dropped, len(live))
        if not live and tick.trouble((REPLICA,), 0.0) is None:
            note = f"no router heard for {LIVE_S:.0f}s"
            return Reading(None, ReadingState.DOWN, 0, *now, note)
        # A router that holds no plan has adopted nothing: it holds pair (0, 0).
        held = [tuple(0.0 if v != v else v for v in report.values[:2]) for report in live]
        oldest = min(held) if held else (None, None)
        spec, value = (EPOCH, oldest[0]) if key.name == EPOCH.name else (REVISION, oldest[1])
        return tick.reading(spec, (REPLICA,), now, value, len(live))

    def _count_drops(self, tally: RouterTally, at_s: float) -> None:
        """A router's count starts with its life; what it dropped before we watched is not news."""
        held = {name: r.values[2] for name, r in tally.items() if r.values[2] == r.values[2]}
        new = sum(max(0.0, n - self._dropped_by.get(name, n)) for name, n in held.items())
        self._dropped_by = held
        self._dropped.add(at_s, new)


MONITOR = Monitor(
    "adoption", (REPLICA,), SPECS, lambda _settings: RouterTally(), lambda _settings: RouterReader()
)

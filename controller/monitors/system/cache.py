"""How often the answer was in the cache, among users' requests that looked there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import ONE_SERIES, RowEvents
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.tick import SYSTEM_WINDOW_S, TickView
from controller.telemetry.schema import SERVED

HIT_RATE = SignalSpec(
    "cache_hit_rate",
    "share",
    (),
    20,
    SYSTEM_WINDOW_S,
    "Share of users' requests found in the cache, of those that looked there",
    users_only=True,
    harm="low",
)
_MISS, _HIT = 0, 1


class CacheTally:
    def __init__(self) -> None:
        self.looks = Slots(2, first=("",))

    def update(self, rows: BatchView) -> None:
        self.looks.count(rows.events("cache.looks", _looks, "done_at_s"))

    def merge(self, other: CacheTally) -> None:
        self.looks.merge(other.looks)

    def forget(self, before_s: float, after_s: float) -> None:
        self.looks.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return self.looks.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.looks.restore(arrays)


def _looks(rows: BatchView) -> RowEvents:
    found = columns.translated(rows.labels("cache"), {"miss": _MISS, "hit": _HIT}, -1, -1)
    kept = (columns.roles(rows) == columns.USER) & (found >= 0)
    return RowEvents.of(rows.row_count, ONE_SERIES, kept, None, 0, columns.done_s(rows), found)


class CacheReader(Reader):
    def families(self, tally: CacheTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family((HIT_RATE,)),)

    def reading(self, key: SignalKey, tally: CacheTally, tick: TickView) -> Reading:
        window = tick.window(key.window_s)
        misses, hits = tally.looks.window("", *window).tolist()
        total = misses + hits
        value = hits / total if total else None
        idle = "no request looked into the cache"
        return tick.reading(HIT_RATE, (SERVED,), window, value, total, idle)


MONITOR = Monitor(
    "cache", (SERVED,), (HIT_RATE,), lambda _settings: CacheTally(), lambda _settings: CacheReader()
)

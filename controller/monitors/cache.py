"""How often the answer was in the cache, among users' requests that looked there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.batch_view import BatchView
from controller.monitors.monitor import Arrays, Monitor
from controller.monitors.slots import Slots
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
)
_MISS, _HIT = 0, 1


class CacheTally:
    def __init__(self) -> None:
        self.looks = Slots(2, first=("",))

    def update(self, rows: BatchView) -> None:
        cache = rows.labels("cache")
        kept = rows.labels("role").equal("user") & cache.equal("hit", "miss")
        seconds = rows.seconds("done_at_s")[kept]
        found = np.where(cache.equal("hit")[kept], _HIT, _MISS)
        self.looks.add(("",), np.zeros(seconds.size, dtype=np.int64), seconds, found)

    def merge(self, other: CacheTally) -> None:
        self.looks.merge(other.looks)

    def forget(self, before_s: float, after_s: float) -> None:
        self.looks.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return self.looks.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.looks.restore(arrays)


class CacheReader:
    def read(self, tally: CacheTally, tick: TickView) -> Iterator[tuple[SignalKey, Reading]]:
        for key in tick.keys(HIT_RATE):
            window = tick.window(key.window_s)
            misses, hits = tally.looks.window("", *window).tolist()
            total = misses + hits
            value = hits / total if total else None
            idle = "no request looked into the cache"
            yield key, tick.reading(HIT_RATE, (SERVED,), window, value, total, idle)


MONITOR = Monitor(
    "cache", (SERVED,), (HIT_RATE,), lambda _settings: CacheTally(), lambda _settings: CacheReader()
)

"""Rate, errors and duration of each route: what the users of one product feature got.

A route is the request's ``product_feature_id``, or ``default`` where it has none. Fed by what
feeds `users`. One count per request: a slate's latency, or that there was none, which is slower
than every limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.system.latency import COARSE_MS, COARSE_OF, least_sample_of
from controller.monitors.tick import SYSTEM_WINDOW_S, TickView
from controller.telemetry.schema import SERVED

MOST_ROUTES = 16
RATE = SignalSpec(
    "route_rate_per_s",
    "per_s",
    ("route",),
    0,
    SYSTEM_WINDOW_S,
    "Users' requests of the route per second",
    users_only=True,
)
ERRORS = SignalSpec(
    "route_errors",
    "share",
    ("route",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "Share of the route's requests that got no slate",
    users_only=True,
    harm="high",
)
LATENCY = SignalSpec(
    "route_latency_ms.p95",
    "ms",
    ("route",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "p95 of what the route's users waited, within 5 %; without a slate: the maximum",
    maximum=COARSE_MS.maximum,
    users_only=True,
    harm="high",
)
SPECS = (RATE, ERRORS, LATENCY)
_NO_SLATE = COARSE_MS.size
"""The last cell, after the waits for slates."""


class RouteTally:
    def __init__(self) -> None:
        self.waits = Slots(COARSE_MS.size + 1, most_series=MOST_ROUTES)

    def update(self, rows: BatchView) -> None:
        self.waits.count(rows.events("routes.waits", _waits, "done_at_s"))

    def merge(self, other: RouteTally) -> None:
        self.waits.merge(other.waits)

    def forget(self, before_s: float, after_s: float) -> None:
        self.waits.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return self.waits.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.waits.restore(arrays)


def _waits(rows: BatchView) -> RowEvents:
    names, codes = columns.routes(rows)
    waits = np.where(columns.has_slate(rows), COARSE_OF.take(columns.wait_buckets(rows)), _NO_SLATE)
    kept, at_s = columns.of_users(rows), columns.done_s(rows)
    return RowEvents.of(rows.row_count, names, kept, None, codes, at_s, waits)


class RouteReader(Reader):
    def families(self, tally: RouteTally) -> tuple[Family, ...]:
        return (Family(SPECS, "route", tuple(tally.waits.names())),)

    def reading(self, key: SignalKey, tally: RouteTally, tick: TickView) -> Reading:
        window = tick.window(key.window_s)
        route, idle = key.labels[0][1], "no traffic on the route"
        upto = tick.once((self, route, window), lambda: tally.waits.window(route, *window).cumsum())
        total = upto.item(_NO_SLATE)
        if key.name == RATE.name:
            return tick.rate(RATE, (SERVED,), window, total)
        if key.name == ERRORS.name:
            errors = (total - upto.item(_NO_SLATE - 1)) / total if total else None
            return tick.reading(ERRORS, (SERVED,), window, errors, total, idle)
        p95_ms = COARSE_MS.quantile_of(upto, 0.95)
        return tick.reading(LATENCY, (SERVED,), window, p95_ms, total, idle)


MONITOR = Monitor(
    "routes", (SERVED,), SPECS, lambda _settings: RouteTally(), lambda _settings: RouteReader()
)

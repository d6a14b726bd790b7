"""What users got: latency, availability, degraded and shed shares, request rate.

Fed by requests of role ``user`` that were valid, windowed by ``done_at_s``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView, Mask
from controller.monitors.counting.events import ONE_SERIES, RowEvents
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.system.latency import LATENCY_MS, latency_specs, least_sample_of
from controller.monitors.tick import SYSTEM_WINDOW_S, TickView
from controller.telemetry.schema import SERVED

LEAST_REQUESTS = least_sample_of(0.95)
LATENCIES = latency_specs("latency_ms", (), "of what users waited for an answer", users_only=True)
AVAILABILITY = SignalSpec(
    "availability",
    "share",
    (),
    LEAST_REQUESTS,
    SYSTEM_WINDOW_S,
    "Share of users' requests that got a slate, late ones included",
    users_only=True,
    harm="low",
)
DEGRADED_SHARE = SignalSpec(
    "degraded_share",
    "share",
    (),
    LEAST_REQUESTS,
    SYSTEM_WINDOW_S,
    "Share answered by another arm than the one drawn, by the last resort, late or not at all",
    users_only=True,
    harm="high",
)
SHED_SHARE = SignalSpec(
    "shed_share",
    "share",
    (),
    LEAST_REQUESTS,
    SYSTEM_WINDOW_S,
    "Share turned away before the draw to protect the rest",
    users_only=True,
    harm="high",
)
REQUEST_RATE = SignalSpec(
    "request_rate_per_s",
    "per_s",
    (),
    0,
    SYSTEM_WINDOW_S,
    "Users' requests per second",
    users_only=True,
)
SPECS = (*LATENCIES.values(), AVAILABILITY, DEGRADED_SHARE, SHED_SHARE, REQUEST_RATE)

_ANSWERED, _DEGRADED, _SHED = 1, 2, 4
_LATENCY_SHARES = {spec.name: (share, spec) for share, spec in LATENCIES.items()}
_SHARES = {
    AVAILABILITY.name: (AVAILABILITY, _ANSWERED),
    DEGRADED_SHARE.name: (DEGRADED_SHARE, _DEGRADED),
    SHED_SHARE.name: (SHED_SHARE, _SHED),
}
_PATTERN = np.arange(8)
"""A request's flags are one number, so that one count per slot keeps them together."""
_HAVING = ((_PATTERN[:, np.newaxis] & _PATTERN) == _PATTERN).astype(np.int64)
"""[flags, wanted]: 1 where all those wanted are among the flags; wanted 0 is every request."""


class UserTally:
    def __init__(self) -> None:
        self.latency = Slots(LATENCY_MS.size, first=("",))
        self.flags = Slots(_PATTERN.size, first=("",))

    def update(self, rows: BatchView) -> None:
        self.latency.count(rows.events("users.latency", _waits, "done_at_s"))
        self.flags.count(rows.events("users.flags", _flags, "done_at_s"))

    def merge(self, other: UserTally) -> None:
        self.latency.merge(other.latency)
        self.flags.merge(other.flags)

    def forget(self, before_s: float, after_s: float) -> None:
        self.latency.forget(before_s, after_s)
        self.flags.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return nested(latency=self.latency.snapshot(), flags=self.flags.snapshot())

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.latency.restore(unnested(arrays, "latency"))
        self.flags.restore(unnested(arrays, "flags"))


def _waits(rows: BatchView) -> RowEvents:
    kept, at_s = columns.of_users(rows), columns.done_s(rows)
    return RowEvents.of(rows.row_count, ONE_SERIES, kept, None, 0, at_s, columns.wait_buckets(rows))


def _flags(rows: BatchView) -> RowEvents:
    outcome, answered = rows.labels("outcome"), columns.has_slate(rows)
    whole = outcome.equal("ok") & _as_drawn(rows)
    flags = answered * _ANSWERED + ~whole * _DEGRADED + outcome.equal("shed") * _SHED
    kept, at_s = columns.of_users(rows), columns.done_s(rows)
    return RowEvents.of(
        rows.row_count, ONE_SERIES, kept, None, 0, at_s, flags.astype(np.int64, copy=False)
    )


def _as_drawn(rows: BatchView) -> Mask:
    """Whether the arm drawn answered; nobody drawn and nobody answering is the same one."""
    drawn, by = rows.labels("arm"), rows.labels("served_by")
    places = {name: place for place, name in enumerate(dict.fromkeys((*drawn.names, *by.names)))}
    found: Mask = columns.translated(drawn, places, -1, -1) == columns.translated(
        by, places, -1, -1
    )
    return found


class UserReader(Reader):
    def families(self, tally: UserTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family(SPECS),)

    def reading(self, key: SignalKey, tally: UserTally, tick: TickView) -> Reading:
        window = tick.window(key.window_s)
        if key.name in _LATENCY_SHARES:
            share, spec = _LATENCY_SHARES[key.name]
            upto = tick.once(
                (self, "waits", window), lambda: tally.latency.window("", *window).cumsum()
            )
            value = LATENCY_MS.quantile_of(upto, share)
            return tick.reading(spec, (SERVED,), window, value, upto.item(-1), "no traffic")
        counts = tick.once(
            (self, "flags", window), lambda: (tally.flags.window("", *window) @ _HAVING).tolist()
        )
        total = counts[0]
        if key.name == REQUEST_RATE.name:
            return tick.rate(REQUEST_RATE, (SERVED,), window, total)
        spec, flag = _SHARES[key.name]
        value = counts[flag] / total if total else None
        return tick.reading(spec, (SERVED,), window, value, total, "no traffic")


MONITOR = Monitor("users", (SERVED,), SPECS, lambda _settings: UserTally(), lambda _s: UserReader())

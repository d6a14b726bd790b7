"""What users got: latency, availability, degraded and shed shares, request rate.

Fed by requests of role ``user`` that were valid, windowed by ``done_at_s``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.batch_view import BatchView
from controller.monitors.latency import LATENCY_MS, latency_specs, least_sample_of
from controller.monitors.monitor import Arrays, Monitor
from controller.monitors.nesting import nested, unnested
from controller.monitors.slots import Slots
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
)
DEGRADED_SHARE = SignalSpec(
    "degraded_share",
    "share",
    (),
    LEAST_REQUESTS,
    SYSTEM_WINDOW_S,
    "Share answered by another arm than the one drawn, by the last resort, late or not at all",
    users_only=True,
)
SHED_SHARE = SignalSpec(
    "shed_share",
    "share",
    (),
    LEAST_REQUESTS,
    SYSTEM_WINDOW_S,
    "Share turned away before the draw to protect the rest",
    users_only=True,
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
_PATTERN = np.arange(8)
"""A request's flags are one number, so that one count per slot keeps them together."""


class UserTally:
    def __init__(self) -> None:
        self.latency = Slots(LATENCY_MS.size, first=("",))
        self.flags = Slots(_PATTERN.size, first=("",))

    def update(self, rows: BatchView) -> None:
        outcome = rows.labels("outcome")
        kept = rows.labels("role").equal("user") & ~outcome.equal("invalid")
        seconds = rows.seconds("done_at_s")[kept]
        codes = np.zeros(seconds.size, dtype=np.int64)
        waits = LATENCY_MS.index(rows.numbers("latency_ms")[kept])
        self.latency.add(("",), codes, seconds, waits)
        flags = self._flags(rows)[kept]
        self.flags.add(("",), codes, seconds, flags)

    @staticmethod
    def _flags(rows: BatchView) -> NDArray[np.int64]:
        outcome, drawn, by = rows.labels("outcome"), rows.labels("arm"), rows.labels("served_by")
        answered = outcome.equal("ok", "late") | (outcome.equal("shed") & (by.codes >= 0))
        drawn_names = np.array([*drawn.names, ""], dtype=object)
        by_names = np.array([*by.names, ""], dtype=object)
        as_drawn = drawn_names[drawn.codes] == by_names[by.codes]
        whole = outcome.equal("ok") & as_drawn
        shed = outcome.equal("shed")
        flags = answered * _ANSWERED + ~whole * _DEGRADED + shed * _SHED
        return np.asarray(flags, dtype=np.int64)

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


class UserReader:
    def read(self, tally: UserTally, tick: TickView) -> Iterator[tuple[SignalKey, Reading]]:
        for share, spec in LATENCIES.items():
            for key in tick.keys(spec):
                window = tick.window(key.window_s)
                counts = tally.latency.window("", *window)
                value = LATENCY_MS.quantile(counts, share)
                total = int(counts.sum())
                yield key, tick.reading(spec, (SERVED,), window, value, total, "no traffic")
        shares = ((AVAILABILITY, _ANSWERED), (DEGRADED_SHARE, _DEGRADED), (SHED_SHARE, _SHED))
        for spec, flag in shares:
            for key in tick.keys(spec):
                window = tick.window(key.window_s)
                counts = tally.flags.window("", *window)
                total = int(counts.sum())
                value = int(counts[(_PATTERN & flag) > 0].sum()) / total if total else None
                yield key, tick.reading(spec, (SERVED,), window, value, total, "no traffic")
        for key in tick.keys(REQUEST_RATE):
            window = tick.window(key.window_s)
            total = int(tally.flags.window("", *window).sum())
            yield key, tick.rate(REQUEST_RATE, (SERVED,), window, total)


MONITOR = Monitor("users", (SERVED,), SPECS, lambda _settings: UserTally(), lambda _s: UserReader())

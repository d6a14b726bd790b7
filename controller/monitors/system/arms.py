"""How each arm does by itself: latency, bad attempts and rate, whatever users were spared.

Fed by the attempts of users' requests and of probes, never of shadows, windowed by ``done_at_s``.
An attempt cut at its deadline, or skipped because the breaker is open and its latest probe failed
(the router says so in the reason), is bad and slower than every limit. One skipped for any other
reason does not count, nor does a cancelled one: nobody knows how long it would have taken. An error
is bad and took as long as it took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.system.latency import LATENCY_MS, latency_specs, least_sample_of
from controller.monitors.tick import SYSTEM_WINDOW_S, TickView
from controller.settings import Settings
from controller.telemetry.schema import SERVED

LATENCIES = latency_specs("arm_latency_ms", ("arm",), "of the arm's attempts, probes included")
BAD = SignalSpec(
    "arm_bad",
    "share",
    ("arm",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "Share of the arm's attempts that failed, were cut, or were spared by an open breaker",
    harm="high",
)
RATE = SignalSpec(
    "arm_rate_per_s",
    "per_s",
    ("arm",),
    0,
    SYSTEM_WINDOW_S,
    "Attempts per second that really reached the arm, probes included",
)
SPECS = (*LATENCIES.values(), BAD, RATE)
_LATENCY_SHARES = {spec.name: (share, spec) for share, spec in LATENCIES.items()}
SHADOWED = 4
"""After the kinds of `columns`."""


class ArmTally:
    def __init__(self, arms: Sequence[str]) -> None:
        self.latency = Slots(LATENCY_MS.size, first=arms)
        self.kinds = Slots(5, first=arms)

    def update(self, rows: BatchView) -> None:
        self.kinds.count(rows.events("arms.kinds", kinds, "done_at_s"))
        self.latency.count(rows.events("arms.latency", _waits, "done_at_s"))

    def merge(self, other: ArmTally) -> None:
        self.latency.merge(other.latency)
        self.kinds.merge(other.kinds)

    def forget(self, before_s: float, after_s: float) -> None:
        self.latency.forget(before_s, after_s)
        self.kinds.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return nested(latency=self.latency.snapshot(), kinds=self.kinds.snapshot())

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.latency.restore(unnested(arrays, "latency"))
        self.kinds.restore(unnested(arrays, "kinds"))


def kinds(rows: BatchView) -> RowEvents:
    """What came of each attempt; one of a shadow that reached its arm is known as such."""
    tries = columns.attempts(rows)
    of_shadow = tries.roles == columns.SHADOW
    cells = np.where(of_shadow, SHADOWED, tries.kinds)
    reached = tries.kinds <= columns.BAD
    kept = (tries.arm.codes >= 0) & (tries.roles > 0) & (reached | ~of_shadow)
    return RowEvents.of(
        rows.row_count, tries.arm.names, kept, tries.rows, tries.arm.codes, tries.seconds, cells
    )


def _waits(rows: BatchView) -> RowEvents:
    """How long each attempt took that counts at all."""
    tries = columns.attempts(rows)
    counted = (tries.roles & (columns.USER | columns.PROBE)) > 0
    kept = (tries.arm.codes >= 0) & counted & (tries.kinds < columns.UNCOUNTED)
    return RowEvents.of(
        rows.row_count,
        tries.arm.names,
        kept,
        tries.rows,
        tries.arm.codes,
        tries.seconds,
        tries.buckets,
    )


class ArmReader(Reader):
    def families(self, tally: ArmTally) -> tuple[Family, ...]:
        return (Family(SPECS, "arm", tuple(tally.kinds.names())),)

    def reading(self, key: SignalKey, tally: ArmTally, tick: TickView) -> Reading:
        arm, window = key.labels[0][1], tick.window(key.window_s)
        counted = tick.once(
            (self, arm, window), lambda: tally.kinds.window(arm, *window).tolist()[:SHADOWED]
        )
        good, bad, spared, _ = counted
        if key.name == RATE.name:
            return tick.rate(RATE, (SERVED,), window, good + bad)
        # An arm that was skipped for the cache is not without traffic, only unmeasured.
        idle = "" if any(counted) else "no traffic and no probes"
        if key.name == BAD.name:
            total = good + bad + spared
            value = (bad + spared) / total if total else None
            return tick.reading(BAD, (SERVED,), window, value, total, idle)
        share, spec = _LATENCY_SHARES[key.name]
        upto = tick.once(
            (self, "waits", arm, window), lambda: tally.latency.window(arm, *window).cumsum()
        )
        value = LATENCY_MS.quantile_of(upto, share)
        return tick.reading(spec, (SERVED,), window, value, upto.item(-1), idle)


def _tally(settings: Settings) -> ArmTally:
    return ArmTally(tuple(settings.arms))


MONITOR = Monitor("arms", (SERVED,), SPECS, _tally, lambda _settings: ArmReader())

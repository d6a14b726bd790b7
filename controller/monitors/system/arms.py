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
from controller.monitors.system.latency import LATENCY_MS, latency_specs, least_sample_of
from controller.monitors.tick import SYSTEM_WINDOW_S, TickView
from controller.settings import Settings
from controller.telemetry.schema import SERVED, SKIPPED_BY_BREAKER

LATENCIES = latency_specs("arm_latency_ms", ("arm",), "of the arm's attempts, probes included")
BAD = SignalSpec(
    "arm_bad",
    "share",
    ("arm",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "Share of the arm's attempts that failed, were cut, or were spared by an open breaker",
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
_GOOD, _BAD, _SPARED, _UNCOUNTED = 0, 1, 2, 3


class ArmTally:
    def __init__(self, arms: Sequence[str]) -> None:
        self.latency = Slots(LATENCY_MS.size, first=arms)
        self.kinds = Slots(4, first=arms)

    def update(self, rows: BatchView) -> None:
        self.kinds.count(rows.events("arms.kinds", _attempts, "done_at_s"))
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


def _attempts(rows: BatchView) -> RowEvents:
    """What came of each attempt of a role that counts."""
    attempts = rows.nested("attempts")
    arm, result = attempts.labels("arm"), attempts.labels("result")
    kinds = np.full(result.codes.size, _UNCOUNTED, dtype=np.int64)
    kinds[result.equal("ok")] = _GOOD
    kinds[result.equal("late", "error")] = _BAD
    spared = attempts.labels("reason").equal(SKIPPED_BY_BREAKER)
    kinds[result.equal("skipped") & spared] = _SPARED
    counted_role = rows.labels("role").equal("user", "probe")[attempts.rows]
    seconds = rows.seconds("done_at_s")[attempts.rows]
    kept = counted_role & (arm.codes >= 0)
    return RowEvents.of(
        rows.row_count,
        arm.names,
        kept,
        attempts.rows,
        arm.codes,
        seconds,
        kinds,
    )


def _waits(rows: BatchView) -> RowEvents:
    """How long each attempt took that counts at all."""
    attempts = rows.nested("attempts")
    arm, result = attempts.labels("arm"), attempts.labels("result")
    elapsed_ms = attempts.numbers("elapsed_ms").copy()
    elapsed_ms[result.equal("late", "skipped")] = np.inf
    spared = attempts.labels("reason").equal(SKIPPED_BY_BREAKER)
    kept = result.equal("ok", "late", "error") | (result.equal("skipped") & spared)
    kept &= rows.labels("role").equal("user", "probe")[attempts.rows] & (arm.codes >= 0)
    seconds = rows.seconds("done_at_s")[attempts.rows]
    return RowEvents.of(
        rows.row_count,
        arm.names,
        kept,
        attempts.rows,
        arm.codes,
        seconds,
        LATENCY_MS.index(elapsed_ms),
    )


class ArmReader(Reader):
    def families(self, tally: ArmTally) -> tuple[Family, ...]:
        return (Family(SPECS, "arm", tuple(tally.kinds.names())),)

    def reading(self, key: SignalKey, tally: ArmTally, tick: TickView) -> Reading:
        arm, window = key.labels[0][1], tick.window(key.window_s)
        kinds = tally.kinds.window(arm, *window).tolist()
        good, bad, spared, _ = kinds
        if key.name == RATE.name:
            return tick.rate(RATE, (SERVED,), window, good + bad)
        # An arm that was skipped for the cache is not without traffic, only unmeasured.
        idle = "" if any(kinds) else "no traffic and no probes"
        if key.name == BAD.name:
            total = good + bad + spared
            value = (bad + spared) / total if total else None
            return tick.reading(BAD, (SERVED,), window, value, total, idle)
        share, spec = _LATENCY_SHARES[key.name]
        counts = tally.latency.window(arm, *window)
        value = LATENCY_MS.quantile(counts, share)
        return tick.reading(spec, (SERVED,), window, value, int(counts.sum()), idle)


def _tally(settings: Settings) -> ArmTally:
    return ArmTally(tuple(settings.arms))


MONITOR = Monitor("arms", (SERVED,), SPECS, _tally, lambda _settings: ArmReader())

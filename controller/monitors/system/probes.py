"""Rate, errors and duration of the probes of each arm: how it does while no user waits for it.

Fed by the attempts of probes only, judged as `arms` judges them, except that a failed probe is
slower than every limit however soon it failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from controller.settings import Settings
from controller.telemetry.schema import SERVED

RATE = SignalSpec(
    "probe_rate_per_s", "per_s", ("arm",), 0, SYSTEM_WINDOW_S, "Probes that reached the arm"
)
BAD = SignalSpec(
    "probe_bad",
    "share",
    ("arm",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "Share of the arm's probes that failed, were cut, or were spared by an open breaker",
    harm="high",
)
LATENCY = SignalSpec(
    "probe_latency_ms.p95",
    "ms",
    ("arm",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "p95 of the arm's probes, within 5 %; one that failed counts as the maximum",
    maximum=COARSE_MS.maximum,
    harm="high",
)
SPECS = (RATE, BAD, LATENCY)
_FAILED, _SPARED = COARSE_MS.size, COARSE_MS.size + 1
"""The last cells, after the waits of those that answered."""


class ProbeTally:
    def __init__(self, arms: Sequence[str]) -> None:
        self.probes = Slots(COARSE_MS.size + 2, first=arms)

    def update(self, rows: BatchView) -> None:
        self.probes.count(rows.events("probes", _probes, "done_at_s"))

    def merge(self, other: ProbeTally) -> None:
        self.probes.merge(other.probes)

    def forget(self, before_s: float, after_s: float) -> None:
        self.probes.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return self.probes.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.probes.restore(arrays)


def _probes(rows: BatchView) -> RowEvents:
    tries = columns.attempts(rows)
    mine = (tries.roles == columns.PROBE) & (tries.kinds < columns.UNCOUNTED)
    chosen = (mine & (tries.arm.codes >= 0)).nonzero()[0]
    kinds = tries.kinds[chosen]
    cells = COARSE_OF[tries.buckets[chosen]]
    cells[kinds == columns.BAD] = _FAILED
    cells[kinds == columns.SPARED] = _SPARED
    return RowEvents.of(
        rows.row_count,
        tries.arm.names,
        np.ones(chosen.size, dtype=np.bool_),
        tries.rows[chosen],
        tries.arm.codes[chosen],
        tries.seconds[chosen],
        cells,
    )


class ProbeReader(Reader):
    def families(self, tally: ProbeTally) -> tuple[Family, ...]:
        return (Family(SPECS, "arm", tuple(tally.probes.names())),)

    def reading(self, key: SignalKey, tally: ProbeTally, tick: TickView) -> Reading:
        window = tick.window(key.window_s)
        arm, idle = key.labels[0][1], "no probes"
        upto = tick.once((self, arm, window), lambda: tally.probes.window(arm, *window).cumsum())
        total, reached = upto.item(_SPARED), upto.item(_FAILED)
        if key.name == RATE.name:
            return tick.rate(RATE, (SERVED,), window, reached)
        if key.name == BAD.name:
            bad = (total - upto.item(_FAILED - 1)) / total if total else None
            return tick.reading(BAD, (SERVED,), window, bad, total, idle)
        p95_ms = COARSE_MS.quantile_of(upto, 0.95)
        return tick.reading(LATENCY, (SERVED,), window, p95_ms, total, idle)


def _tally(settings: Settings) -> ProbeTally:
    return ProbeTally(tuple(settings.arms))


MONITOR = Monitor("probes", (SERVED,), SPECS, _tally, lambda _settings: ProbeReader())

"""How each arm does by itself: latency, bad attempts and rate, whatever users were spared.

Fed by the attempts of users' requests and of probes, never of shadows, windowed by ``done_at_s``.
An attempt cut at its deadline, or skipped because the breaker is open and its latest probe failed
(the router says so in the reason), is bad and slower than every limit. One skipped for any other
reason does not count, nor does a cancelled one: nobody knows how long it would have taken. An error
is bad and took as long as it took.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.batch_view import BatchView
from controller.monitors.latency import LATENCY_MS, latency_specs, least_sample_of
from controller.monitors.monitor import Arrays, Monitor, label
from controller.monitors.nesting import nested, unnested
from controller.monitors.slots import Slots
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
_GOOD, _BAD, _SPARED, _UNCOUNTED = 0, 1, 2, 3


class ArmTally:
    def __init__(self, arms: Sequence[str]) -> None:
        self.latency = Slots(LATENCY_MS.size, first=arms)
        self.kinds = Slots(4, first=arms)

    def update(self, rows: BatchView) -> None:
        attempts = rows.nested("attempts")
        arm, result = attempts.labels("arm"), attempts.labels("result")
        counted_role = rows.labels("role").equal("user", "probe")[attempts.rows]
        kept = counted_role & (arm.codes >= 0)
        seconds = rows.seconds("done_at_s")[attempts.rows]
        kinds = self._kinds(result.codes.size, result, attempts.labels("reason"))
        self.kinds.add(arm.names, arm.codes[kept], seconds[kept], kinds[kept])
        elapsed_ms = attempts.numbers("elapsed_ms").copy()
        elapsed_ms[result.equal("late", "skipped")] = np.inf
        timed = kept & (kinds != _UNCOUNTED)
        waits = LATENCY_MS.index(elapsed_ms[timed])
        self.latency.add(arm.names, arm.codes[timed], seconds[timed], waits)

    @staticmethod
    def _kinds(count: int, result: Any, reason: Any) -> NDArray[np.int64]:
        kinds = np.full(count, _UNCOUNTED, dtype=np.int64)
        kinds[result.equal("ok")] = _GOOD
        kinds[result.equal("late", "error")] = _BAD
        kinds[result.equal("skipped") & reason.equal(SKIPPED_BY_BREAKER)] = _SPARED
        return kinds

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


class ArmReader:
    def read(self, tally: ArmTally, tick: TickView) -> Iterator[tuple[SignalKey, Reading]]:
        for arm in tick.series(SPECS, "arm", tally.kinds.names()):
            yield from self._latencies(arm, tally, tick)
            for key in tick.keys(BAD, label("arm", arm)):
                window = tick.window(key.window_s)
                good, bad, spared, _ = tally.kinds.window(arm, *window).tolist()
                total = good + bad + spared
                value = (bad + spared) / total if total else None
                idle = self._idle(arm, tally, window)
                yield key, tick.reading(BAD, (SERVED,), window, value, total, idle)
            for key in tick.keys(RATE, label("arm", arm)):
                window = tick.window(key.window_s)
                good, bad, _, _ = tally.kinds.window(arm, *window).tolist()
                yield key, tick.rate(RATE, (SERVED,), window, good + bad)

    def _latencies(
        self, arm: str, tally: ArmTally, tick: TickView
    ) -> Iterator[tuple[SignalKey, Reading]]:
        counted: dict[float, NDArray[np.int64]] = {}
        for share, spec in LATENCIES.items():
            for key in tick.keys(spec, label("arm", arm)):
                window = tick.window(key.window_s)
                if key.window_s not in counted:
                    counted[key.window_s] = tally.latency.window(arm, *window)
                counts = counted[key.window_s]
                value = LATENCY_MS.quantile(counts, share)
                idle = self._idle(arm, tally, window)
                sample = int(counts.sum())
                yield key, tick.reading(spec, (SERVED,), window, value, sample, idle)

    @staticmethod
    def _idle(arm: str, tally: ArmTally, window: tuple[float, float]) -> str:
        """An arm that was skipped for the cache is not without traffic, only unmeasured."""
        untouched = not tally.kinds.window(arm, *window).any()
        return "no traffic and no probes" if untouched else ""


def _tally(settings: Settings) -> ArmTally:
    return ArmTally(tuple(settings.arms))


MONITOR = Monitor("arms", (SERVED,), SPECS, _tally, lambda _settings: ArmReader())

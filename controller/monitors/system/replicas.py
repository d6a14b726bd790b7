"""Utilization and saturation of each replica and of each arm, as replicas report each second.

A replica is slow beside the others of its arm: it takes `SLOW_TIMES` the median of theirs and
`SLOW_BY_MS` more. A whole arm that is slow has no slow replica.

Errors are told by arm (`arms`), since a replica that fails reports nothing. A replica not heard for
3 s is down; after a minute its series is gone. Routers are replicas of nobody's arm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.latest import REMEMBERED_S, LatestTally
from controller.monitors.counting.slots import MOST_SERIES, OVERFLOW, safe_label
from controller.monitors.monitor import Family, Monitor, Reader
from controller.monitors.system.queues import LIVE_S
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.telemetry.schema import REPLICA

CPU = SignalSpec(
    "replica_cpu_share", "value", ("replica",), 1, 0.0, "Cores the replica keeps busy: 1 is one"
)
MEMORY = SignalSpec(
    "replica_memory_mb", "value", ("replica",), 1, 0.0, "Memory the replica holds, in MB"
)
IN_FLIGHT = SignalSpec(
    "replica_in_flight", "count", ("replica",), 1, 0.0, "Requests the replica works on or queues"
)
ANSWER = SignalSpec(
    "replica_answer_ms", "ms", ("replica",), 1, 0.0, "Mean of the replica's attempts of a second"
)
ARM_CPU = SignalSpec(
    "arm_cpu_share", "value", ("arm",), 1, 0.0, "Cores the arm's replicas keep busy, their mean"
)
SLOW = SignalSpec(
    "slow_replicas",
    "count",
    ("arm",),
    2,
    0.0,
    "Replicas that take three times as long as the median of the arm's others",
)
SLOW_TIMES, SLOW_BY_MS = 3.0, 10.0
OF_REPLICA = (CPU, MEMORY, IN_FLIGHT, ANSWER)
OF_ARM = (ARM_CPU, SLOW)
SPECS = (*OF_REPLICA, *OF_ARM)
_PLACE = {spec.name: place for place, spec in enumerate(OF_REPLICA)}
_OF_ROUTERS = "router"


class UseTally(LatestTally):
    """The latest report of every replica, of arms and of routers."""

    columns = ("cpu_share", "memory_mb", "in_flight", "answer_ms")

    def update(self, rows: BatchView) -> None:
        self.take(rows, kind="arm", group="arm")
        self.take(rows, kind="router", group="kind")


class _Seen(NamedTuple):
    """What one series says: of its replica, or the worst of those beyond the limit."""

    at_s: float
    values: tuple[float, ...]
    replicas: int


class UseReader(Reader):
    def __init__(self, arms: Sequence[str]) -> None:
        self._arms = tuple(arms)
        self._replicas: dict[str, _Seen] = {}
        self._of_arm: dict[str, list[float]] = {}
        self._answers_ms: dict[str, list[float]] = {}

    def advance(self, tally: UseTally, tick: TickView) -> None:
        """Sort out who is there, once for all series."""
        self._replicas, self._of_arm = {}, {arm: [] for arm in self._arms}
        self._answers_ms = {}
        for name, report in sorted(tally.items()):
            if report.at_s < tick.at_s - REMEMBERED_S:
                continue
            series = safe_label(name)
            if series not in self._replicas and len(self._replicas) >= MOST_SERIES:
                series = OVERFLOW
            seen = _Seen(report.at_s, report.values, 1)
            held = self._replicas.get(series)
            self._replicas[series] = seen if held is None else _worst(held, seen)
            if report.at_s >= tick.at_s - LIVE_S and report.group != _OF_ROUTERS:
                arm, answer_ms = report.group or OVERFLOW, report.values[_PLACE[ANSWER.name]]
                mine = self._of_arm.setdefault(arm, [])
                if math.isfinite(report.values[0]):
                    mine.append(report.values[0])
                if math.isfinite(answer_ms):
                    self._answers_ms.setdefault(arm, []).append(answer_ms)

    def families(self, tally: UseTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (
            Family(OF_REPLICA, "replica", tuple(self._replicas), is_open=False),
            Family(OF_ARM, "arm", tuple(self._of_arm)),
        )

    def reading(self, key: SignalKey, tally: UseTally, tick: TickView) -> Reading:  # noqa: ARG002
        label, now = key.labels[0][1], (tick.at_s, tick.at_s)
        if key.name == ARM_CPU.name:
            shares = self._of_arm.get(label, [])
            mean = sum(shares) / len(shares) if shares else None
            idle = "no replica reports its processor"
            return tick.reading(ARM_CPU, (REPLICA,), now, mean, len(shares), idle)
        if key.name == SLOW.name:
            answers_ms = self._answers_ms.get(label, [])
            slow, idle = float(slow_ones(answers_ms)), "no replica has anything to do"
            return tick.reading(SLOW, (REPLICA,), now, slow, len(answers_ms), idle)
        seen, place = self._replicas[label], _PLACE[key.name]
        if seen.at_s < tick.at_s - LIVE_S and tick.trouble((REPLICA,), 0.0) is None:
            note = f"not heard for {tick.at_s - seen.at_s:.0f}s"
            return Reading(None, ReadingState.DOWN, 0, *now, note)
        value = seen.values[place]
        found = value if value == value else None
        return tick.reading(OF_REPLICA[place], (REPLICA,), now, found, seen.replicas)


def slow_ones(answers_ms: Sequence[float]) -> int:
    """How many of one arm's replicas are slow beside the others; none where there are no others."""
    slow = 0
    for place, mine_ms in enumerate(answers_ms):
        others = [*answers_ms[:place], *answers_ms[place + 1 :]]
        usual_ms = float(np.median(others)) if others else math.inf
        slow += mine_ms > max(SLOW_TIMES * usual_ms, usual_ms + SLOW_BY_MS)
    return slow


def _worst(one: _Seen, other: _Seen) -> _Seen:
    """The newest time and the largest values; a missing one is smaller than any."""
    values = (max(a, b) if a == a else b for a, b in zip(other.values, one.values, strict=True))
    return _Seen(max(one.at_s, other.at_s), tuple(values), one.replicas + other.replicas)


def _reader(settings: Settings) -> UseReader:
    return UseReader(tuple(settings.arms))


MONITOR = Monitor("replicas", (REPLICA,), SPECS, lambda _settings: UseTally(), _reader)

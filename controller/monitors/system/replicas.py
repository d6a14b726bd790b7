"""Utilization and saturation of each replica and of each arm, as replicas report each second.

Errors are told by arm (`arms`), since a replica that fails reports nothing. A replica not heard for
3 s is down; after a minute its series is gone. Routers are replicas of nobody's arm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

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
ARM_CPU = SignalSpec(
    "arm_cpu_share", "value", ("arm",), 1, 0.0, "Cores the arm's replicas keep busy, their mean"
)
OF_REPLICA = (CPU, MEMORY, IN_FLIGHT)
SPECS = (*OF_REPLICA, ARM_CPU)
_PLACE = {spec.name: place for place, spec in enumerate(OF_REPLICA)}
_OF_ROUTERS = "router"


class UseTally(LatestTally):
    """The latest report of every replica, of arms and of routers."""

    columns = ("cpu_share", "memory_mb", "in_flight")

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

    def advance(self, tally: UseTally, tick: TickView) -> None:
        """Sort out who is there, once for all series."""
        self._replicas, self._of_arm = {}, {arm: [] for arm in self._arms}
        for name, report in sorted(tally.items()):
            if report.at_s < tick.at_s - REMEMBERED_S:
                continue
            series = safe_label(name)
            if series not in self._replicas and len(self._replicas) >= MOST_SERIES:
                series = OVERFLOW
            seen = _Seen(report.at_s, report.values, 1)
            held = self._replicas.get(series)
            self._replicas[series] = seen if held is None else _worst(held, seen)
            cpu_share = report.values[0]
            if report.at_s >= tick.at_s - LIVE_S and report.group != _OF_ROUTERS:
                mine = self._of_arm.setdefault(report.group or OVERFLOW, [])
                if math.isfinite(cpu_share):
                    mine.append(cpu_share)

    def families(self, tally: UseTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (
            Family(OF_REPLICA, "replica", tuple(self._replicas), is_open=False),
            Family((ARM_CPU,), "arm", tuple(self._of_arm)),
        )

    def reading(self, key: SignalKey, tally: UseTally, tick: TickView) -> Reading:  # noqa: ARG002
        label, now = key.labels[0][1], (tick.at_s, tick.at_s)
        if key.name == ARM_CPU.name:
            shares = self._of_arm.get(label, [])
            mean = sum(shares) / len(shares) if shares else None
            idle = "no replica reports its processor"
            return tick.reading(ARM_CPU, (REPLICA,), now, mean, len(shares), idle)
        seen, place = self._replicas[label], _PLACE[key.name]
        if seen.at_s < tick.at_s - LIVE_S and tick.trouble((REPLICA,), 0.0) is None:
            note = f"not heard for {tick.at_s - seen.at_s:.0f}s"
            return Reading(None, ReadingState.DOWN, 0, *now, note)
        value = seen.values[place]
        found = value if value == value else None
        return tick.reading(OF_REPLICA[place], (REPLICA,), now, found, seen.replicas)


def _worst(one: _Seen, other: _Seen) -> _Seen:
    """The newest time and the largest values; a missing one is smaller than any."""
    values = (max(a, b) if a == a else b for a, b in zip(other.values, one.values, strict=True))
    return _Seen(max(one.at_s, other.at_s), tuple(values), one.replicas + other.replicas)


def _reader(settings: Settings) -> UseReader:
    return UseReader(tuple(settings.arms))


MONITOR = Monitor("replicas", (REPLICA,), SPECS, lambda _settings: UseTally(), _reader)

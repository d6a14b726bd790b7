"""What the loop tells Prometheus, once a tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from controller.adapters.prometheus import ControllerMetrics
from controller.core.readings import Readings
from controller.ports import CommitFate


@dataclass(frozen=True, slots=True)
class TickReport:
    """One tick. ``worked_s`` is from the tick's closing to its end; the counts are totals."""

    readings: Readings
    leads: bool
    epoch: int
    fates: tuple[CommitFate, ...]
    worked_s: float
    ticks_missed: int
    broken: Mapping[str, int]
    numbers: Mapping[str, float]


class Metrics(Protocol):
    """Where reports go."""

    def show(self, report: TickReport) -> None: ...


class NoMetrics(Metrics):
    """For simulations and tests."""

    def show(self, report: TickReport) -> None:
        """Nobody looks."""


class PrometheusMetrics(Metrics):
    """Turns the totals of the loop into the increments Prometheus counters want."""

    def __init__(self, metrics: ControllerMetrics) -> None:
        self._metrics = metrics
        self._missed = 0
        self._broken: dict[str, int] = {}

    def show(self, report: TickReport) -> None:
        metrics = self._metrics
        metrics.show_readings(dict(report.readings))  # scraped later, when these are gone
        metrics.show_leader(report.leads, report.epoch)
        metrics.show_numbers(report.numbers)
        metrics.tick_s.observe(max(0.0, report.worked_s))
        for fate in report.fates:
            metrics.count_commit(fate)
        metrics.ticks_missed.inc(report.ticks_missed - self._missed)
        self._missed = report.ticks_missed
        for topic, count in report.broken.items():
            metrics.broken_messages.labels(topic).inc(count - self._broken.get(topic, 0))
        self._broken = dict(report.broken)

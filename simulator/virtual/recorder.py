"""Keeps what a report is made from while a virtual run goes on, within bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controller.core.playbook import Playbook
from controller.core.readings import SignalKey
from controller.core.settings import JudgeSettings
from controller.core.step import named_signals
from controller.shell.seal import unsealed
from simulator.invariants.step import Broken
from simulator.report.evidence import Evidence
from simulator.report.objectives import objectives_of
from simulator.report.recording import ExchangeRecorder
from simulator.report.series import SignalRecorder
from simulator.scenario.model import Scenario
from simulator.virtual.controller_host import LastReadings
from simulator.world.world import World

SPACING_S = ((600.0, 1.0), (3_600.0, 2.0), (36_000.0, 5.0))
"""Runs up to this long, and how far apart their readings are kept."""
MOST_SAMPLES = 7_200.0
"""Of each series, of runs longer than all of those."""
EXCHANGES_EVERY_S = 60.0
"""The world keeps them until then as spans, which costs less than a piece for each second."""


class Recorder:
    """``log``, ``records`` and ``broken`` grow, oldest first."""

    def __init__(
        self,
        scenario: Scenario,
        playbooks: tuple[Playbook, ...],
        settings: JudgeSettings,
        world: World,
    ) -> None:
        self.log: list[bytes] = []
        self.records: list[dict[str, Any]] = []
        self.broken: list[Broken] = []
        self._scenario = scenario
        self._playbooks = playbooks
        self._settings = settings
        self._world = world
        self._start_s = scenario.world.start_s
        self._exchanges = ExchangeRecorder(self._start_s)
        self._signals = SignalRecorder()
        self._exchanges_due_s = self._start_s
        keys = sorted(named_signals(playbooks, settings) | _shown(settings))
        self._keys = {str(key): key for key in keys}
        self._every_s = _spacing_s(scenario.duration_s)
        self._sampled_s = float("-inf")
        self._seen_at_s: dict[str, float] = {}

    def look(
        self, last: LastReadings, new_lines: Sequence[bytes], now_s: float
    ) -> list[dict[str, Any]]:
        """After each tick; the new records as documents."""
        if last.at_s >= self._sampled_s + self._every_s:
            self._sampled_s = last.at_s
            for name, key in self._keys.items():
                reading = last.readings.get(key)
                if reading is not None:
                    self._signals.add(name, last.at_s, reading.value, reading.state.value)
        new = [unsealed(line) for line in new_lines]
        for document in new:
            self._seen_at_s[document["id"]] = now_s
        self.log += new_lines
        self.records += new
        if now_s >= self._exchanges_due_s:
            self._exchanges_due_s = now_s + EXCHANGES_EVERY_S
            self._exchanges.add(self._world.exchanges())
        return new

    def evidence(self, command: str) -> Evidence:
        """All of it, at the end of the run."""
        self._exchanges.add(self._world.exchanges())
        return Evidence(
            command=command,
            started_at_s=self._start_s,
            ended_at_s=self._start_s + self._scenario.duration_s,
            exchanges=self._exchanges.requests(),
            truths=tuple(fault.truth(self._start_s) for fault in self._scenario.faults),
            records=self.records,
            seen_at_s=self._seen_at_s,
            signals=self._signals.signals(),
            objectives=objectives_of(self._playbooks),
            feedback_sent=self._world.counts.outcomes,
        )


def _spacing_s(duration_s: float) -> float:
    spacings = (every_s for longest_s, every_s in SPACING_S if duration_s <= longest_s)
    return next(spacings, duration_s // MOST_SAMPLES)


def _shown(settings: JudgeSettings) -> frozenset[SignalKey]:
    """What a timeline shows whatever the playbooks name, at default windows."""
    windows_s = settings.default_windows_s
    plain = [("latency_ms.p95", ()), ("availability", ()), ("degraded_share", ())]
    by_arm = [
        (name, (("arm", arm),))
        for arm in settings.arms
        for name in ("arm_latency_ms.p95", "arm_bad", "ctr")
    ]
    return frozenset(
        SignalKey(name, labels, windows_s[name])
        for name, labels in [*plain, *by_arm]
        if name in windows_s
    )

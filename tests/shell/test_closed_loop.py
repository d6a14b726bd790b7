"""Real monitors, real playbook text, generated telemetry: the loop closes in virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.local_copy import LocalCopy
from controller.adapters.memory_bus import MemoryBus
from controller.adapters.memory_clock import MemoryClock
from controller.adapters.memory_store import MemoryPlanStore
from controller.language.loading import load_playbooks
from controller.monitors.monitor_set import MonitorSet
from controller.settings import Settings
from controller.shell.journal import Journal, segment_paths
from controller.shell.loop import Ports, Shell
from controller.shell.metrics import NoMetrics
from controller.shell.playbook_watch import PlaybookWatch
from controller.shell.readings_file import ReadingsFile
from controller.shell.replay import compare, replay
from controller.shell.segment import read_segment
from controller.shell.snapshots import Snapshots
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import TOPICS

START_S = 1_764_000_000.0
STEP_S = 0.25


class ServedClock(MemoryClock):
    """Time that lets the service live while the controller waits."""

    def __init__(self, start_s: float) -> None:
        super().__init__(start_s)
        self.service: Any = None
        self._due_s = start_s

    def sleep_until(self, at_s: float) -> None:
        while self.service is not None and self._due_s <= at_s:
            super().sleep_until(self._due_s)
            self.service.step(self._due_s)
            self._due_s += STEP_S
        super().sleep_until(at_s)


@pytest.fixture
def shell(tmp_path: Path, slow_playbook: Path, make_service: Callable[..., Any]) -> Shell:
    settings = Settings(playbooks=slow_playbook, data_dir=tmp_path)
    clock = ServedClock(START_S)
    bus, store = MemoryBus(), MemoryPlanStore(clock)
    clock.service = make_service(bus.writer(), store, (START_S + 10.0, START_S + 30.0))
    monitors = MonitorSet(settings)
    catalogue = monitors.catalogue
    ports = Ports(
        reader=bus.reader([(topic, 0) for topic in TOPICS]),
        dead_letters=bus.writer(),
        store=store,
        copy=LocalCopy(tmp_path / "decisions"),
        clock=clock,
        journal=Journal(tmp_path / "journal", 1e12, 1e12),
        monitors=monitors,
        ledger=Ledger(),
        snapshots=Snapshots(tmp_path / "snapshots"),
        readings_file=ReadingsFile(tmp_path),
        playbooks=PlaybookWatch(
            settings.playbooks, lambda: load_playbooks(settings.playbooks, settings, catalogue)
        ),
        metrics=NoMetrics(),
    )
    return Shell(settings.for_judge(catalogue), "one", "test", ports)


def run(shell: Shell, until_s: float) -> dict[str, Any]:
    while shell.run_tick() < START_S + until_s:
        pass
    assert shell.term is not None
    assert shell.term.last is not None
    plan: dict[str, Any] = json.loads(shell.term.last.commit.plan)
    return plan


def test_slow_telemetry_drains_the_primary_and_probes_bring_it_back(
    shell: Shell, tmp_path: Path
) -> None:
    drained = run(shell, 22.0)
    assert drained["arms"]["primary"]["share"] == 0.0
    assert drained["probe_per_s"]["primary"] > 0.0
    back = run(shell, 70.0)
    assert back["arms"]["primary"]["share"] == 1.0
    shell.close()
    lines = (tmp_path / "decisions" / "records.jsonl").read_bytes().splitlines()
    phases = [json.loads(line)["phase"] for line in lines]
    assert [phase for phase in phases if phase in ("opened", "acting", "recovered")] == [
        "opened",
        "acting",
        "recovered",
    ]
    derived = replay([read_segment(path) for path in segment_paths([tmp_path / "journal"])])
    assert compare(derived, lines).differences == ()
    assert list(derived.lines) == lines

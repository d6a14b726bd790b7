"""Plans with wanted work, and workers whose tasks the test can hold and let go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.core.plan import ArmPlan, Plan, Work
from serving.workers.finished import FinishedWork, Status
from serving.workers.leases import MemoryLeases
from serving.workers.reconciler import Reconciler
from serving.workers.results import Task

NOW_S = 1_800_000_000.0
PATIENCE_S = 60.0


class Wanting:
    """Builds plans."""

    def work(self, work_id: str = "w1", kind: str = "deed", **arguments: Any) -> Work:
        return Work(work_id, kind, arguments, "incident-1", "test", NOW_S, NOW_S + 600.0)

    def plan(self, *wanted: Work) -> Plan:
        arms = {"primary": ArmPlan("latest", 1.0), "fallback": ArmPlan("latest", 0.0)}
        return Plan("svc", 1, 1, "0" * 64, NOW_S, arms, wanted=wanted)


class Workers:
    """Worker processes of one service: they share leases, and each folder its last words."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.now_s = NOW_S
        self._held: dict[str, tuple[str, float]] = {}
        self._started: list[Reconciler] = []
        self.leases: dict[str, MemoryLeases] = {}

    def start(self, name: str, tasks: Mapping[str, Task], machine: str = "one") -> Reconciler:
        self.leases[name] = MemoryLeases(name, self._held, lambda: self.now_s)
        reconciler = Reconciler(tasks, self.leases[name], FinishedWork(self._folder / machine))
        self._started.append(reconciler)
        return reconciler

    def until(
        self, reconciler: Reconciler, plan: Plan, done: Callable[[list[Status]], bool]
    ) -> list[Status]:
        """Turn, with time standing still, until what was said satisfies ``done``."""
        said: list[Status] = []
        deadline_s = time.monotonic() + PATIENCE_S
        while not done(said):
            assert time.monotonic() < deadline_s, f"not in time; said {said}"
            said += reconciler.turn(plan, self.now_s)
            time.sleep(0.005)
        return said

    def stop(self) -> None:
        for reconciler in self._started:
            reconciler.stop()


@pytest.fixture
def wanting() -> Wanting:
    return Wanting()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    group = Workers(tmp_path)
    yield group
    group.stop()

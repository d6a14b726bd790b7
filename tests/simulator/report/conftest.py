"""A run made by hand: slow from 30 s, drained at 35 s, back at 65 s."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from simulator.report.evidence import Evidence
from simulator.report.exchanges import Coded, Exchanges
from simulator.report.objectives import Objective
from simulator.report.series import SignalRecorder
from simulator.report.story import Story
from simulator.report.truth import GroundTruth

START_S = 1_767_571_200.0
P95 = "arm_latency_ms.p95{arm=primary}"
BAD = "arm_bad{arm=primary}"


@dataclass(frozen=True)
class Judgement:
    met: bool
    sentence: str


@dataclass(frozen=True)
class Breakage:
    invariant: str
    at_s: float
    sentence: str


def exchanges(duration_s: float, per_s: int, slow: tuple[float, float], back_s: float) -> Exchanges:
    """Slow between; the plan drains the primary 5 s after it begins, until ``back_s``."""
    size = int(duration_s * per_s)
    random = np.random.default_rng(1)
    at_s = np.arange(size) / per_s
    waiting = (at_s >= slow[0]) & (at_s < slow[0] + 5)
    fallback = (at_s >= slow[0]) & (at_s < back_s)
    latency = random.lognormal(3.0, 0.3, size) + np.where(waiting, 100.0, 0.0)
    chance = np.where(fallback, 0.03, 0.06).astype(np.float32)
    return Exchanges(
        number=np.arange(size, dtype=np.uint64),
        intended_at_s=START_S + at_s,
        sent=np.ones(size, dtype=np.bool_),
        latency_ms=latency.astype(np.float32),
        service_ms=latency.astype(np.float32),
        problem=Coded((random.random(size) < 0.0005).astype(np.int16), ("", "late")),
        served_by=Coded(fallback.astype(np.int16), ("primary", "fallback")),
        arm=Coded((fallback & ~waiting).astype(np.int16), ("primary", "fallback")),
        degraded=waiting,
        clicks=(random.random(size) < chance).astype(np.int16),
        true_chance=chance,
    )


def record(at_s: float, phase: str, **more: Any) -> dict[str, Any]:
    fields = {
        "id": f"1-{at_s:g}",
        "at_s": START_S + at_s,
        "phase": phase,
        "sentence": f"slow-primary is {phase} at {at_s:g} & <after>",
        "incident": "i1",
        "playbook": "slow-primary",
        "enforced": True,
        "conditions": [],
        "details": {},
    }
    return {**fields, **more}


def evidence(duration_s: float = 90.0, per_s: int = 50, scale: float = 1.0) -> Evidence:
    """The same story, ``scale`` times as long."""
    on_s, off_s, back_s = 30 * scale, 60 * scale, 80 * scale
    recorder = SignalRecorder()
    random = np.random.default_rng(2)
    for at_s in range(1, int(duration_s), max(1, int(scale // 4))):
        slow = on_s + 1 <= at_s < off_s + 4
        value = 60_000.0 if slow else 40.0 + 5.0 * random.random()
        recorder.add(f"{P95}[5s]", START_S + at_s, value, "ok")
        recorder.add(f"{BAD}[5s]", START_S + at_s, 0.97 if slow else 0.01, "ok")
    return Evidence(
        command="selfright simulate slow --seed 3",
        started_at_s=START_S,
        ended_at_s=START_S + duration_s,
        exchanges=exchanges(duration_s, per_s, (on_s, off_s), back_s),
        truths=[
            GroundTruth(
                "slow_primary",
                START_S + on_s,
                START_S + off_s,
                "its replicas wait for a disk",
                ("route",),
                must_act=True,
                deadline_s=15.0,
            )
        ],
        records=[
            record(on_s + 4, "opened", conditions=[{"met": "met", "held_s": 2.0}]),
            record(
                on_s + 4.5, "acting", details={"moves": ["routes 100 % of primary to fallback"]}
            ),
            record(on_s + 6, "verifying"),
            record(on_s + 12, "holding"),
            record(off_s + 6, "returning"),
            record(back_s, "recovered"),
        ],
        signals=recorder.signals(),
        objectives=[
            Objective(P95, 150.0, "slow-primary", "when"),
            Objective(P95, 90.0, "slow-primary", "clear"),
            Objective(BAD, 0.2, "failing-primary", "when"),
        ],
    )


@pytest.fixture
def story() -> Story:
    seen = evidence()
    return Story(
        name="slow-primary",
        why="The primary waits for its disk; the fallback serves until it is back.",
        command=seen.command,
        evidence=seen,
        seed=3,
        judged=[
            Judgement(True, "slow-primary routed after 4.5 s"),
            Judgement(False, "no recovery"),
        ],
        broken=[Breakage("shares", START_S + 40.0, "the shares sum to 0.9")],
    )


@pytest.fixture
def make_exchanges() -> Callable[..., Exchanges]:
    return exchanges

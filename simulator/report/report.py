"""The whole report of a run, and its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from simulator.report.evidence import Evidence
from simulator.report.healing import Healing, healings
from simulator.report.phases import PhaseReport, phases

AVAILABILITY_GOAL = 0.999


@dataclass(frozen=True, slots=True)
class Decision:
    """``offset_s`` after the start of the run."""

    offset_s: float
    id: str
    phase: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Report:
    """``passed`` is: healed, and at least `AVAILABILITY_GOAL` of all requests got a valid slate."""

    command: str
    phases: tuple[PhaseReport, ...]
    healings: tuple[Healing, ...]
    decisions: tuple[Decision, ...]
    requests: int
    availability: float
    not_sent: int
    problems: Mapping[str, int]
    feedback_sent: int
    feedback_problems: Mapping[str, int]
    healed: bool
    passed: bool


def report_on(evidence: Evidence) -> Report:
    """Judge a run."""
    whole = evidence.exchanges.totals(float("-inf"), float("inf"))
    availability = whole.availability or 0.0
    healed_faults = tuple(healings(evidence))
    healed = all(healing.healed for healing in healed_faults)
    return Report(
        command=evidence.command,
        phases=tuple(phases(evidence)),
        healings=healed_faults,
        decisions=tuple(
            Decision(
                record["at_s"] - evidence.started_at_s,
                record["id"],
                record["phase"],
                record["sentence"],
            )
            for record in evidence.decisions
        ),
        requests=whole.requests,
        availability=availability,
        not_sent=whole.not_sent,
        problems=evidence.exchanges.problems(),
        feedback_sent=evidence.feedback_sent,
        feedback_problems=dict(evidence.feedback_problems),
        healed=healed,
        passed=healed and availability >= AVAILABILITY_GOAL,
    )


def report_to_document(report: Report) -> dict[str, Any]:
    """Plain JSON types."""
    return asdict(report)

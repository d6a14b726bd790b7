"""What a run tells while it goes on. Whoever shows it implements `Progress`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulator.report.exchanges import Exchange, percentile

RECENT_S = 5.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The last `RECENT_S` of a run, ``elapsed_s`` into it."""

    elapsed_s: float
    duration_s: float
    per_s: float
    valid_share: float | None
    users_p95_ms: float | None
    ctr: float | None
    other_arm_share: float | None
    not_sent: int
    """Since the start."""
    faults_on: tuple[str, ...]


class Progress(Protocol):
    def say(self, line: str) -> None:
        """One line that stays: the command, a fault, a decision."""

    def update(self, moment: Moment) -> None:
        """Once a second."""


class Silent:
    """Shows nothing."""

    def say(self, line: str) -> None:
        del line

    def update(self, moment: Moment) -> None:
        del moment


def moment_of(
    exchanges: Sequence[Exchange],
    now_s: float,
    elapsed_s: float,
    duration_s: float,
    faults_on: tuple[str, ...],
    main_arm: str,
) -> Moment:
    """``exchanges`` in order of completion, all of the run so far."""
    recent = []
    for exchange in reversed(exchanges):
        if exchange.intended_at_s < now_s - 2 * RECENT_S:
            break
        if exchange.intended_at_s >= now_s - RECENT_S:
            recent.append(exchange)
    valid = [e for e in recent if e.valid]
    span_s = max(min(RECENT_S, elapsed_s), 1e-9)
    return Moment(
        elapsed_s=elapsed_s,
        duration_s=duration_s,
        per_s=len(recent) / span_s,
        valid_share=len(valid) / len(recent) if recent else None,
        users_p95_ms=percentile(
            np.array([e.latency_ms for e in recent if e.latency_ms is not None]), 0.95
        ),
        ctr=sum(e.clicks > 0 for e in valid) / len(valid) if valid else None,
        other_arm_share=sum(e.served_by != main_arm for e in valid) / len(valid) if valid else None,
        not_sent=sum(not e.sent for e in exchanges),
        faults_on=faults_on,
    )

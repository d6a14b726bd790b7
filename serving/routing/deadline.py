"""The deadline budget: how long a request, and one attempt of it, may still take."""

from __future__ import annotations

from dataclasses import dataclass

RESERVE_MS = 30.0
"""Kept back for the last resort and for writing the answer."""
LONGEST_DEADLINE_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Counted from arrival, so that time spent waiting in a queue is spent."""

    arrived_s: float
    deadline_ms: float

    def elapsed_ms(self, now_s: float) -> float:
        return (now_s - self.arrived_s) * 1000.0

    def left_ms(self, now_s: float) -> float:
        return self.deadline_ms - self.elapsed_ms(now_s)

    def is_late(self, now_s: float) -> bool:
        return self.left_ms(now_s) < 0.0

    def attempt_ms(
        self, now_s: float, arm_deadline_ms: float, reserve_ms: float = RESERVE_MS
    ) -> float:
        """How long an attempt may take; 0: there is no time for one."""
        return max(0.0, min(arm_deadline_ms, self.left_ms(now_s) - reserve_ms))


def requested_deadline_ms(header: str | None, default_ms: float) -> float:
    """The client's own deadline, if its header is a sensible number, else the plan's."""
    if not header:
        return default_ms
    try:
        asked_ms = float(header)
    except ValueError:
        return default_ms
    return min(asked_ms, LONGEST_DEADLINE_MS) if asked_ms >= 1.0 else default_ms

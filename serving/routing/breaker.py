"""A circuit breaker: spares an arm, and its users, attempts that are bound to fail.

    CLOSED --too many bad, or too many late in a row--> OPEN
    OPEN --the pause is over--> HALF_OPEN
    HALF_OPEN --a bad probe--> OPEN
    HALF_OPEN --enough good probes in a row--> CLOSED

Only probes, copies no user waits for, are judged while it is not closed. Time and jitter are
arguments; it holds no clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum


class BreakerState(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    bad_share: float = 0.5
    least_attempts: int = 20
    window_s: float = 2.0
    late_in_a_row: int = 5
    pause_s: float = 1.0
    good_probes: int = 3


class Breaker:
    """One per arm and router."""

    def __init__(self, limits: BreakerLimits | None = None) -> None:
        self.limits = limits or BreakerLimits()
        self._attempts: deque[tuple[float, bool]] = deque()
        self._bad = 0
        self._late_in_a_row = 0
        self._good_probes = 0
        self._opened_until_s: float | None = None
        self.last_probe_good: bool | None = None
        """None: no probe was judged since it opened."""

    def state(self, now_s: float) -> BreakerState:
        if self._opened_until_s is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now_s < self._opened_until_s else BreakerState.HALF_OPEN

    def lets_users_through(self, now_s: float) -> bool:
        return self.state(now_s) is BreakerState.CLOSED

    def record(self, now_s: float, *, bad: bool, late: bool, jitter: float) -> None:
        """One attempt of a user's request ended. One that ends after it opened says nothing new."""
        if self._opened_until_s is not None:
            return
        self._late_in_a_row = self._late_in_a_row + 1 if late else 0
        self._attempts.append((now_s, bad))
        self._bad += bad
        self._forget_before(now_s - self.limits.window_s)
        too_bad = len(
            self._attempts
        ) >= self.limits.least_attempts and self._bad >= self.limits.bad_share * len(self._attempts)
        if too_bad or self._late_in_a_row >= self.limits.late_in_a_row:
            self.last_probe_good = None
            self._open(now_s, jitter)

    def record_probe(self, now_s: float, *, good: bool, jitter: float) -> None:
        """One probe ended. ``jitter`` in [0, 1) spreads the routers' returns over a pause."""
        if self._opened_until_s is None:
            return
        self.last_probe_good = good
        if self.state(now_s) is BreakerState.OPEN:
            return
        if not good:
            self._open(now_s, jitter)
            return
        self._good_probes += 1
        if self._good_probes >= self.limits.good_probes:
            self._close()

    def _open(self, now_s: float, jitter: float) -> None:
        self._opened_until_s = now_s + self.limits.pause_s * (1.0 + jitter)
        self._good_probes = 0

    def _close(self) -> None:
        self._opened_until_s = None
        self._attempts.clear()
        self._bad = self._late_in_a_row = self._good_probes = 0
        self.last_probe_good = None

    def _forget_before(self, at_s: float) -> None:
        while self._attempts and self._attempts[0][0] < at_s:
            self._bad -= self._attempts.popleft()[1]

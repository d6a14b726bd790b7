"""How much a count grew within a window, from what was added at each tick."""

from __future__ import annotations

from collections import deque

from controller.monitors.tick import LONGEST_WINDOW_S


class RunningCount:
    """Sequential: a reader's own. Remembers the longest window there may be."""

    def __init__(self) -> None:
        self._added: deque[tuple[float, float]] = deque()

    def add(self, at_s: float, amount: float) -> None:
        """What a tick at ``at_s`` found; it may be negative, when a gap was filled late."""
        if amount:
            self._added.append((at_s, amount))
        while self._added and self._added[0][0] < at_s - LONGEST_WINDOW_S:
            self._added.popleft()

    def within(self, start_s: float, end_s: float) -> float:
        """Sum of what was added after ``start_s`` up to ``end_s``, never below 0."""
        if not self._added:
            return 0.0
        return max(0.0, float(sum(n for at_s, n in self._added if start_s < at_s <= end_s)))

"""Virtual time: sleeping is a jump."""

from __future__ import annotations

from controller.ports import Clock


class MemoryClock(Clock):
    """Starts at ``start_s`` (seconds since 1970) and moves only when told or slept."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        return self._now_s

    def sleep_until(self, at_s: float) -> None:
        self._now_s = max(self._now_s, at_s)

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds`` (not negative)."""
        self.sleep_until(self._now_s + seconds)

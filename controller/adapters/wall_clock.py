"""Real time, which goes forward steadily even when the machine's clock is set."""

from __future__ import annotations

import threading
import time

from controller.ports import Clock

RESYNC_S = 1.0
"""A wall clock that differs by more from ours was set, and is followed (forward only)."""


class WallClock(Clock):
    """Seconds since 1970. ``wake`` ends a sleep early, so that a stop need not wait."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()
        self._woken = threading.Event()

    def now_s(self) -> float:
        steady_s = time.monotonic() + self._offset_s
        if time.time() - steady_s > RESYNC_S:
            self._offset_s = time.time() - time.monotonic()
            return time.monotonic() + self._offset_s
        return steady_s

    def sleep_until(self, at_s: float) -> None:
        remaining_s = at_s - self.now_s()
        if remaining_s > 0:
            self._woken.wait(remaining_s)

    def wake(self) -> None:
        """End the present sleep and every later one; safe in a signal handler."""
        self._woken.set()

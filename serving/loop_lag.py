"""How late the event loop runs what is due: the truest sign of an overloaded asyncio process."""

from __future__ import annotations

import asyncio
import time

PERIOD_S = 0.02
FADE = 0.8
"""Weight of the past, so that one hiccup does not shed."""


class LoopLag:
    def __init__(self) -> None:
        self._lag_ms = 0.0

    @property
    def lag_ms(self) -> float:
        """Smoothed over about five beats."""
        return self._lag_ms

    async def beat_forever(self) -> None:
        while True:
            due_s = time.monotonic() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            late_ms = max(0.0, time.monotonic() - due_s) * 1000.0
            self._lag_ms = FADE * self._lag_ms + (1.0 - FADE) * late_ms

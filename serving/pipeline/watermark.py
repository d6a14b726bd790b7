"""Up to which time everything has been seen: the least over the partitions that are alive.

Pure; time is an argument. A partition silent for two ticks leaves the minimum, so that a topic
without traffic holds nobody up; while the bus is away nothing moves.
"""

from __future__ import annotations

from controller.ports import Partition

SILENT_S = 2.0
RESUME_S = 5.0
"""After a start or a return of the bus, how long each partition has to show its backlog."""
FUTURE_S = 5.0
"""Events from further ahead than this do not push the watermark."""


class Watermark:
    """Feed it every message's newest event time; ask it once a tick."""

    def __init__(self, partitions: list[Partition], now_s: float) -> None:
        self._event_s = dict.fromkeys(partitions, 0.0)
        self._heard_s = dict.fromkeys(partitions, now_s)
        self._value_s = 0.0
        self.resume(now_s)

    def observe(self, partition: Partition, event_s: float, now_s: float) -> None:
        """A message of this partition whose newest event is from ``event_s``."""
        if event_s <= now_s + FUTURE_S:
            self._event_s[partition] = max(self._event_s[partition], event_s)
        self._heard_s[partition] = max(self._heard_s[partition], now_s)

    def resume(self, now_s: float) -> None:
        """The bus is there again: wait for every partition before calling it silent."""
        for partition in self._heard_s:
            self._heard_s[partition] = now_s + RESUME_S - SILENT_S

    def advance(self, now_s: float) -> float:
        """The watermark now; it never goes back. Call only while the bus answers."""
        live = [
            event_s
            for partition, event_s in self._event_s.items()
            if now_s - self._heard_s[partition] < SILENT_S
        ]
        self._value_s = max(self._value_s, min([*live, now_s]))
        return self._value_s

    @property
    def value_s(self) -> float:
        """As of the last `advance`."""
        return self._value_s

    def restore(self, value_s: float) -> None:
        """Go on from a snapshot."""
        self._value_s = value_s

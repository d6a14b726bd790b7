"""Virtual time: a heap of (time, priority, sequence, event), one thread, nothing random.

Events at one time run by priority, then in the order they were scheduled, so a run repeats byte
for byte. It knows nothing of services or controllers. (After the kernel of simpy, with callbacks.)
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from enum import IntEnum
from itertools import count

Event = Callable[[], None]


class Priority(IntEnum):
    """Who goes first at one instant: the world changes, then it is seen, then it is judged."""

    WORLD = 0
    DELIVERY = 1
    CHECK = 2


class Kernel:
    """``now_s`` is seconds since 1970; it moves only when events run or time is passed."""

    def __init__(self, start_s: float) -> None:
        self.now_s = start_s
        self._heap: list[tuple[float, int, int, Event]] = []
        self._sequence = count()

    def at(self, at_s: float, event: Event, priority: Priority = Priority.WORLD) -> None:
        """Run ``event`` at ``at_s``. Raise ValueError for a time that has passed."""
        if at_s < self.now_s:
            raise ValueError(f"{at_s} has passed, it is {self.now_s}")
        heapq.heappush(self._heap, (at_s, priority, next(self._sequence), event))

    @property
    def next_s(self) -> float:
        """When the next event is due; infinity when there is none."""
        return self._heap[0][0] if self._heap else float("inf")

    def step(self) -> None:
        """Run the next event at its time. Raise IndexError when there is none."""
        at_s, _, _, event = heapq.heappop(self._heap)
        self.now_s = at_s
        event()

    def run_until(self, at_s: float) -> None:
        """Run everything due up to and including ``at_s``, then be there."""
        while self.next_s <= at_s:
            self.step()
        self.now_s = max(self.now_s, at_s)

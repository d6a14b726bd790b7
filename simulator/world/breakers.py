"""Breakers whose memory can be copied and written: the real ones otherwise.

A quiet span records thousands of attempts without calling the breaker for each of them; what it
would remember afterwards is written into it here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from serving.routing.breaker import Breaker


class KeptBreaker(Breaker):
    """`serving.routing.breaker.Breaker`, with its memory as data."""

    def copy(self) -> KeptBreaker:
        twin = KeptBreaker(self.limits)
        twin._attempts = self._attempts.copy()
        twin._bad = self._bad
        twin._late_in_a_row = self._late_in_a_row
        twin._good_probes = self._good_probes
        twin._opened_until_s = self._opened_until_s
        twin.last_probe_good = self.last_probe_good
        return twin

    @property
    def is_closed(self) -> bool:
        """It opens at a record and closes at a probe only, so no time is needed."""
        return self._opened_until_s is None

    @property
    def window(self) -> list[tuple[float, bool]]:
        """The attempts it judges by: when each ended, and whether it was bad."""
        return list(self._attempts)

    @property
    def late_in_a_row(self) -> int:
        return self._late_in_a_row

    def remember(self, window: Iterable[tuple[float, bool]], late_in_a_row: int) -> None:
        """Be as if these were the last attempts recorded, none of which opened it."""
        self._attempts = deque(window)
        self._bad = sum(bad for _, bad in self._attempts)
        self._late_in_a_row = late_in_a_row

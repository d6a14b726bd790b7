"""The feature pipeline: when each group was last written, so how old a served feature is.

Every group is written every ``feature_every_s`` at a phase of its own, with events that are a
second old by then; a frozen group is not written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.spec import WorldSpec
from simulator.visits import MICROSECONDS, Integers

EVENT_AGE_US = MICROSECONDS
"""An event's age when it is written."""


class FeatureClock:
    """Write times of the groups, in microseconds since the start of the run."""

    def __init__(self, spec: WorldSpec, groups: Sequence[str]) -> None:
        self.groups = tuple(groups)
        self.every_us = max(1, round(spec.feature_every_s * MICROSECONDS))
        self.phase_us = tuple(
            (i + 1) * self.every_us // (len(self.groups) + 1) for i in range(len(self.groups))
        )

    def last_write_us(self, group: int, at_us: Integers) -> Integers:
        """The newest scheduled write at or before each time (also before the run began)."""
        phase_us = self.phase_us[group]
        return phase_us + (at_us - phase_us) // self.every_us * self.every_us

    def writes_us(self, group: int, from_us: int, until_us: int) -> list[int]:
        """Every scheduled write in [from_us, until_us)."""
        phase_us = self.phase_us[group]
        first = -(-(from_us - phase_us) // self.every_us)
        return list(range(phase_us + first * self.every_us, until_us, self.every_us))

    def written_before(
        self, until_us: int, written_us: Sequence[int], frozen: frozenset[str], from_us: int
    ) -> tuple[int, ...]:
        """The newest write of each group before ``until_us``, given that before ``from_us``."""
        last = np.array([until_us - 1])
        return tuple(
            old if group in frozen else _newer(int(self.last_write_us(i, last)[0]), old, from_us)
            for i, (group, old) in enumerate(zip(self.groups, written_us, strict=True))
        )

    def events_us(
        self, at_us: Integers, written_us: Sequence[int], frozen: frozenset[str], from_us: int
    ) -> Integers:
        """(n, groups) event time of what is read at each time, all at or after ``from_us``."""
        events = np.empty((len(at_us), len(self.groups)), dtype=np.int64)
        for i, (group, old) in enumerate(zip(self.groups, written_us, strict=True)):
            events[:, i] = old
            if group not in frozen:
                scheduled = self.last_write_us(i, at_us)
                events[:, i] = np.where(scheduled >= from_us, scheduled, old)
        return events - EVENT_AGE_US


def _newer(scheduled_us: int, old_us: int, from_us: int) -> int:
    return scheduled_us if scheduled_us >= from_us else old_us

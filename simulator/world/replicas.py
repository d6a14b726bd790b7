"""The replicas of one arm: how many there are, which are dead, which have only just come back.

The lowest numbers die first and the highest are added last. Nothing changes within a slab.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.visits import Floats, Integers


@dataclass(frozen=True, slots=True)
class Replicas:
    dead: int
    """Replicas 0 up to this number are dead."""
    found_us: tuple[int, ...]
    """When the death of each is noticed, and requests go elsewhere."""
    warm_us: tuple[int, ...]
    """Until when each is cold."""

    @classmethod
    def warm(cls, count: int) -> Replicas:
        return cls(0, (0,) * count, (0,) * count)

    @property
    def count(self) -> int:
        return len(self.warm_us)

    @property
    def alive(self) -> int:
        return self.count - self.dead

    def met_by(self, u_replica: Floats, at_us: Integers) -> tuple[Integers, NDArray[np.bool_]]:
        """By visit: the number of the replica it meets, and whether that one lives."""
        number = np.minimum((u_replica * self.count).astype(np.int64), self.count - 1)
        if self.dead == 0:
            return number, np.ones(len(number), dtype=np.bool_)
        is_dead = number < self.dead
        is_found = at_us >= np.array(self.found_us, dtype=np.int64)[number]
        other = self.dead + number % max(1, self.alive)
        met = np.where(is_dead, np.minimum(other, self.count - 1), number)
        return met, (~is_dead | is_found) & (self.alive > 0)

    def changed(
        self, count: int, dead: int, *, at_us: int, detect_us: int, cold_us: int
    ) -> Replicas:
        """The same replicas after a change of their number or of how many are dead."""
        dead = min(dead, count)
        if count == self.count and dead == self.dead:
            return self
        found_us, warm_us = [], []
        for i in range(count):
            is_new = i >= self.count
            was_dead = i < self.dead
            dies = i < dead and not was_dead
            found_us.append(at_us + detect_us if dies else 0 if is_new else self.found_us[i])
            comes_up = is_new or (was_dead and i >= dead)
            warm_us.append(at_us + cold_us if comes_up else self.warm_us[i])
        return Replicas(dead, tuple(found_us), tuple(warm_us))

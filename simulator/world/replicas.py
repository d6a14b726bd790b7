"""The replicas of one arm: how many there are, which are dead, which have only just come back.

The lowest numbers die first and the highest are added last. Nothing changes within a slab.
"""

from __future__ import annotations

from dataclasses import dataclass


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

"""A deploy that was announced: replicas are replaced one after another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.faults.one_arm import with_arm
from simulator.visits import MICROSECONDS
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDeploy(Fault):
    """The new replica starts before the old one goes, so no request is lost; but it is cold, and
    its share of the attempts is a little slower for ``cold_s``."""

    name: ClassVar[str] = "planned_deploy"
    cause: ClassVar[str] = "replicas of the primary are replaced one after another"

    arm: str = "primary"
    replicas: int = 2
    cold_s: float = 5.0
    delay_ms: float = 30.0
    what: str = "a new build of the primary"

    @property
    def subject(self) -> str:
        return f"the delay of {self.arm}"

    def announcement(self) -> str:
        return self.what

    def turns_s(self) -> tuple[float, ...]:
        starts_s = self._starts_s()
        warm_s = (min(start_s + self.cold_s, self.off_s) for start_s in starts_s)
        return tuple(sorted({*starts_s, *warm_s, self.off_s}))

    def change_at(self, conditions: Conditions, seconds: float) -> Conditions:
        now_us, cold_us = _us(seconds), _us(self.cold_s)
        if not any(_us(at_s) <= now_us < _us(at_s) + cold_us for at_s in self._starts_s()):
            return conditions
        state = replace(
            conditions.of(self.arm), delay_ms=self.delay_ms, delay_share=1.0 / self.replicas
        )
        return with_arm(conditions, self.arm, state)

    def _starts_s(self) -> tuple[float, ...]:
        """When each replica is replaced: evenly over the time it takes."""
        return tuple(
            self.at_s + place * self.for_s / self.replicas for place in range(self.replicas)
        )


def _us(seconds: float) -> int:
    return round(seconds * MICROSECONDS)

"""One replica of the primary is slow while the others are well: a bad node, a noisy neighbour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.faults.one_arm import with_arm
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowReplica(Fault):
    name: ClassVar[str] = "slow_replica"
    cause: ClassVar[str] = "a replica of the primary is slower than the others"
    right_actions: ClassVar[tuple[str, ...]] = ("notify", "route")
    deadline_s: ClassVar[float | None] = 120.0

    arm: str = "primary"
    delay_ms: float = 70.0
    replicas: int = 1
    """How many are slow."""

    @property
    def subject(self) -> str:
        return f"single replicas of {self.arm}"

    def change(self, conditions: Conditions) -> Conditions:
        state = replace(
            conditions.of(self.arm), slow_replicas=self.replicas, slow_by_ms=self.delay_ms
        )
        return with_arm(conditions, self.arm, state)

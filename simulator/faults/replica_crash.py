"""Replicas die and are not there again before it is over; then they come back cold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.faults.one_arm import with_arm
from simulator.world.conditions import Conditions

ALL_BY_DEFAULT = 2
"""As many replicas as an arm has when nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaCrash(Fault):
    """With every replica dead somebody must act. One of several is routed around within a second;
    then acting is allowed, and doing nothing is right too."""

    name: ClassVar[str] = "replica_crash"
    cause: ClassVar[str] = "replicas of the primary are dead"
    right_actions: ClassVar[tuple[str, ...]] = ("route", "scale")
    deadline_s: ClassVar[float | None] = 30.0

    arm: str = "primary"
    replicas: int = ALL_BY_DEFAULT

    @property
    def subject(self) -> str:
        return f"the replicas of {self.arm}"

    def demands_action(self) -> bool:
        return Fault.demands_action(self) and self.replicas >= ALL_BY_DEFAULT

    def change(self, conditions: Conditions) -> Conditions:
        state = replace(conditions.of(self.arm), dead_replicas=self.replicas)
        return with_arm(conditions, self.arm, state)

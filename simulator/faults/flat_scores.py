"""A model hardly prefers any item to another, while its answers come in time and are clicked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.faults.one_arm import with_arm
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatScores(Fault):
    """Right is to tell the model's owner. What is usual of a margin takes an hour to learn, so one
    in the first hour of a run goes unseen."""

    name: ClassVar[str] = "flat_scores"
    cause: ClassVar[str] = "the primary's best item hardly leads the second"
    right_actions: ClassVar[tuple[str, ...]] = ("notify", "freeze", "revert")
    deadline_s: ClassVar[float | None] = 300.0

    arm: str = "primary"
    margin_factor: float = 0.1

    @property
    def subject(self) -> str:
        return f"the scores of {self.arm}"

    def demands_action(self) -> bool:
        return Fault.demands_action(self) and self.margin_factor < 1.0

    def change(self, conditions: Conditions) -> Conditions:
        state = replace(conditions.of(self.arm), margin_factor=self.margin_factor)
        return with_arm(conditions, self.arm, state)

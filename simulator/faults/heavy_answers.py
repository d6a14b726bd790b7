"""Every answer costs its replica more: a dear version, longer lists. The same traffic may be too
much now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.faults.one_arm import with_arm
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class HeavyAnswers(Fault):
    """Whether there is room for it is for traffic and replicas to say, so nobody must act."""

    name: ClassVar[str] = "heavy_answers"
    cause: ClassVar[str] = "every answer of the primary takes more of the processor"
    right_actions: ClassVar[tuple[str, ...]] = ("scale", "shed", "route")

    arm: str = "primary"
    factor: float = 8.0

    @property
    def subject(self) -> str:
        return f"the work of {self.arm}"

    def demands_action(self) -> bool:
        return False

    def change(self, conditions: Conditions) -> Conditions:
        state = replace(conditions.of(self.arm), work_factor=self.factor)
        return with_arm(conditions, self.arm, state)

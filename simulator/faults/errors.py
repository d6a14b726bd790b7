"""A share of the primary's attempts raises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.faults.one_arm import with_arm
from simulator.faults.one_segment import OneSegment
from simulator.world.conditions import Conditions

MILD_SHARE = 0.2
"""Up to here the last resort answers in time and the arm is better than none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors(OneSegment):
    name: ClassVar[str] = "errors"
    cause: ClassVar[str] = "attempts of the primary raise"
    right_actions: ClassVar[tuple[str, ...]] = ("route",)
    deadline_s: ClassVar[float | None] = 30.0

    arm: str = "primary"
    share: float = 0.5

    @property
    def subject(self) -> str:
        return f"the errors of {self.arm}"

    def demands_action(self) -> bool:
        return Fault.demands_action(self) and self.share > MILD_SHARE

    def change(self, conditions: Conditions) -> Conditions:
        state = replace(conditions.of(self.arm), error_share=self.share, error_where=self.where)
        return with_arm(conditions, self.arm, state)

"""Users stop clicking on one arm's slates, while everything technical looks well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.one_arm import with_arm
from simulator.faults.one_segment import OneSegment
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class CtrCollapse(OneSegment):
    """Right is to serve another arm. `ctr.below_control` proves it, sooner the more clicks the
    control has: a short one, at little traffic, is over before anybody could be sure."""

    name: ClassVar[str] = "ctr_collapse"
    cause: ClassVar[str] = "slates of the primary are hardly clicked"
    right_actions: ClassVar[tuple[str, ...]] = ("route", "revert", "promote")

    arm: str = "primary"
    click_factor: float = 0.3

    @property
    def subject(self) -> str:
        return f"the clicks of {self.arm}"

    def demands_action(self) -> bool:
        return self.click_factor < 1.0

    def change(self, conditions: Conditions) -> Conditions:
        state = replace(
            conditions.of(self.arm), click_factor=self.click_factor, click_where=self.where
        )
        return with_arm(conditions, self.arm, state)

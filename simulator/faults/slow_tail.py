"""A share of the primary's answers is late; the median does not know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.faults.one_arm import with_arm
from simulator.world.conditions import Conditions

VISIBLE_SHARE = 0.05
"""A 95th percentile sees nothing of a smaller share, and the last resort covers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowTail(Fault):
    name: ClassVar[str] = "slow_tail"
    cause: ClassVar[str] = "a share of the primary's answers waits"
    right_actions: ClassVar[tuple[str, ...]] = ("route", "scale")
    deadline_s: ClassVar[float | None] = 30.0

    arm: str = "primary"
    delay_ms: float = 400.0
    share: float = 0.2

    @property
    def subject(self) -> str:
        return f"the delay of {self.arm}"

    def demands_action(self) -> bool:
        return Fault.demands_action(self) and self.share > VISIBLE_SHARE

    def change(self, conditions: Conditions) -> Conditions:
        state = replace(conditions.of(self.arm), delay_ms=self.delay_ms, delay_share=self.share)
        return with_arm(conditions, self.arm, state)

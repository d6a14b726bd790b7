"""The primary answers late: every attempt waits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.one_arm import with_arm
from simulator.faults.one_segment import OneSegment
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowPrimary(OneSegment):
    """Waits that leave an attempt well inside its deadline hurt nobody, but this does not know the
    deadline: give a ``delay_ms`` beyond it."""

    name: ClassVar[str] = "slow_primary"
    cause: ClassVar[str] = "every answer of the primary waits"
    right_actions: ClassVar[tuple[str, ...]] = ("route", "scale")
    deadline_s: ClassVar[float | None] = 30.0

    arm: str = "primary"
    delay_ms: float = 400.0

    @property
    def subject(self) -> str:
        return f"the delay of {self.arm}"

    def change(self, conditions: Conditions) -> Conditions:
        state = replace(
            conditions.of(self.arm), delay_ms=self.delay_ms, delay_share=1.0, delay_where=self.where
        )
        return with_arm(conditions, self.arm, state)

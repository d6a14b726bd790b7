"""The pipeline stops writing one feature group; the primary goes on, fast and wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleFeatures(Fault):
    """Somebody must be told once features are five minutes old; routing is right later."""

    name: ClassVar[str] = "stale_features"
    cause: ClassVar[str] = "the pipeline stopped writing a feature group"
    right_actions: ClassVar[tuple[str, ...]] = ("notify", "freeze", "route")
    deadline_s: ClassVar[float | None] = 420.0

    group: str = "user_recent"

    @property
    def subject(self) -> str:
        return f"the pipeline of {self.group}"

    def change(self, conditions: Conditions) -> Conditions:
        return replace(conditions, frozen_groups=conditions.frozen_groups | {self.group})

"""The click log takes nothing: every arm looks equally bad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickLogOutage(Fault):
    name: ClassVar[str] = "click_log_outage"
    cause: ClassVar[str] = "the click log takes nothing"
    right_actions: ClassVar[tuple[str, ...]] = ("freeze", "notify")
    deadline_s: ClassVar[float | None] = 120.0

    def change(self, conditions: Conditions) -> Conditions:
        return replace(conditions, clicks_are_lost=True)

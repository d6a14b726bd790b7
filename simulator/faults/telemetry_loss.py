"""A share of all telemetry batches never arrives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryLoss(Fault):
    """What is left is a fair sample; where nothing is left, protecting and telling is allowed."""

    name: ClassVar[str] = "telemetry_loss"
    cause: ClassVar[str] = "batches of telemetry are lost"
    right_actions: ClassVar[tuple[str, ...]] = ("freeze", "notify")

    share: float = 0.3

    def demands_action(self) -> bool:
        return False

    def change(self, conditions: Conditions) -> Conditions:
        return replace(conditions, telemetry_loss_share=self.share)

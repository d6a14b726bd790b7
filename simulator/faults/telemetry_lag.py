"""Telemetry arrives late: what the controller sees is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryLag(Fault):
    """Protecting and telling is allowed; moving traffic on old news is not."""

    name: ClassVar[str] = "telemetry_lag"
    cause: ClassVar[str] = "telemetry arrives late"
    right_actions: ClassVar[tuple[str, ...]] = ("freeze", "notify")

    lag_s: float = 20.0

    def demands_action(self) -> bool:
        return False

    def change(self, conditions: Conditions) -> Conditions:
        return replace(conditions, telemetry_lag_s=self.lag_s)

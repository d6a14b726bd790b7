"""The bus is down: the controller is blind, and serving goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class BusOutage(Fault):
    """Protecting and telling is allowed; moving traffic without seeing is not."""

    name: ClassVar[str] = "bus_outage"
    cause: ClassVar[str] = "the telemetry bus is down"
    right_actions: ClassVar[tuple[str, ...]] = ("freeze", "notify")

    def demands_action(self) -> bool:
        return False

    def change(self, conditions: Conditions) -> Conditions:
        return replace(conditions, bus_is_down=True)

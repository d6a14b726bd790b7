"""The controller is killed, stays away for a while and starts again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerCrash(Fault):
    name: ClassVar[str] = "controller_crash"
    cause: ClassVar[str] = "the controller is dead"

    def change(self, conditions: Conditions) -> Conditions:
        return replace(conditions, controller_is_down=True)

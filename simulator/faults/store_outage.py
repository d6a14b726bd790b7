"""The store of plan and log (Redis) is down: nobody leads, and routers keep their plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOutage(Fault):
    name: ClassVar[str] = "store_outage"
    cause: ClassVar[str] = "the store of the plan is down"

    def change(self, conditions: Conditions) -> Conditions:
        return replace(conditions, store_is_down=True)

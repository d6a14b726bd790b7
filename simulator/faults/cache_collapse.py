"""The response cache finds nothing and keeps nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheCollapse(Fault):
    """Arms with room take the load, so nothing has to be done; to warm it and to tell is allowed.
    Where they have none, they become slow, and that is what other playbooks see."""

    name: ClassVar[str] = "cache_collapse"
    cause: ClassVar[str] = "the response cache is empty and stays so"
    right_actions: ClassVar[tuple[str, ...]] = ("prewarm_cache", "notify")

    def demands_action(self) -> bool:
        return False

    def change(self, conditions: Conditions) -> Conditions:
        return replace(conditions, cache_is_gone=True)

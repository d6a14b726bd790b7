"""Features of one group come back empty for a share of requests: defaults are used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class NullFeatures(Fault):
    """The owner of the pipeline must be told. Training on the hole would be wrong: a model learns
    that the feature says nothing."""

    name: ClassVar[str] = "null_features"
    cause: ClassVar[str] = "features of a group come back empty"
    right_actions: ClassVar[tuple[str, ...]] = ("notify", "route")
    deadline_s: ClassVar[float | None] = 900.0

    group: str = "user_recent"
    share: float = 0.5

    @property
    def subject(self) -> str:
        return f"the values of {self.group}"

    def change(self, conditions: Conditions) -> Conditions:
        already = conditions.null_share.get(self.group, 0.0)
        shares = {**conditions.null_share, self.group: max(already, self.share)}
        return replace(conditions, null_share=shares)

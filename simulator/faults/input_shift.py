"""What the model sees moves at once: another unit, another default, another app version."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.one_segment import OneSegment
from simulator.world.conditions import Conditions, InputShift


@dataclass(frozen=True, slots=True, kw_only=True)
class InputShiftFault(OneSegment):
    name: ClassVar[str] = "input_shift"
    cause: ClassVar[str] = "the inputs of the primary moved at once"
    right_actions: ClassVar[tuple[str, ...]] = ("retrain", "notify")
    deadline_s: ClassVar[float | None] = 900.0

    size_sd: float = 2.0
    """In standard deviations of the reference."""

    @property
    def subject(self) -> str:
        return "the inputs"

    def change(self, conditions: Conditions) -> Conditions:
        shift = InputShift(since_s=self.at_s, size_sd=self.size_sd, where=self.where)
        return replace(conditions, shifts=(*conditions.shifts, shift))

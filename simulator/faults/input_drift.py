"""What the model sees moves slowly: no minute differs from the one before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.world.conditions import Conditions, InputShift


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDrift(Fault):
    """The deadline counts from the start of the ramp, and so has the ramp in it."""

    name: ClassVar[str] = "input_drift"
    cause: ClassVar[str] = "the inputs of the primary move slowly"
    right_actions: ClassVar[tuple[str, ...]] = ("retrain", "notify")
    deadline_s: ClassVar[float | None] = 1_800.0

    size_sd: float = 2.0
    """Where it ends, in standard deviations of the reference."""
    ramp_s: float = 600.0

    @property
    def subject(self) -> str:
        return "the inputs"

    def change(self, conditions: Conditions) -> Conditions:
        shift = InputShift(since_s=self.at_s, ramp_s=self.ramp_s, size_sd=self.size_sd)
        return replace(conditions, shifts=(*conditions.shifts, shift))

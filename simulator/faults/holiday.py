"""A long, slow swell of visits: everybody has time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.spec import Burst


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday(Fault):
    name: ClassVar[str] = "holiday"
    cause: ClassVar[str] = "more users than on other days"

    factor: float = 0.5
    """Extra visits, in mean rates."""
    ramp_s: float = 60.0

    @property
    def subject(self) -> str:
        return "the crowd"

    def bursts(self) -> tuple[Burst, ...]:
        name = f"holiday at {self.at_s:g} s"
        return (Burst(self.at_s, self.for_s, self.factor, self.ramp_s, self.ramp_s, name),)

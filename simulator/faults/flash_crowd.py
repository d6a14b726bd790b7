"""A crowd comes within seconds and goes within a minute; the service has room for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulator.faults.fault import Fault
from simulator.spec import Burst


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashCrowd(Fault):
    name: ClassVar[str] = "flash_crowd"
    cause: ClassVar[str] = "many users come at once"

    factor: float = 2.0
    """Extra visits at the peak, in mean rates."""
    rise_s: float = 5.0
    fall_s: float = 30.0

    @property
    def subject(self) -> str:
        return "the crowd"

    def bursts(self) -> tuple[Burst, ...]:
        name = f"flash crowd at {self.at_s:g} s"
        return (Burst(self.at_s, self.for_s, self.factor, self.rise_s, self.fall_s, name),)

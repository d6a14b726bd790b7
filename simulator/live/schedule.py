"""Which faults a run has, when, and for how long; as text ``NAME@AT+FOR``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from controller.errors import BadInput
from simulator.live.faults import FAULTS

_TEXT = re.compile(r"(?P<name>[a-z_]+)@(?P<at>\d+(\.\d+)?)s?(\+(?P<for>\d+(\.\d+)?)s?)?")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """``for_s`` 0: once; a process is killed and not stopped."""

    name: str
    at_s: float
    for_s: float

    def __str__(self) -> str:
        return f"{self.name}@{self.at_s:g}" + (f"+{self.for_s:g}" if self.for_s else "")


def scheduled(text: str) -> Scheduled:
    """Read ``slow_primary@30+40``. Raise BadInput."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise BadInput(
            f"{text!r}; NAME@AT+FOR in seconds is accepted, e.g. slow_primary@30+40",
            field="--fault",
        )
    return checked(Scheduled(match["name"], float(match["at"]), float(match["for"] or 0.0)))


def checked(fault: Scheduled, duration_s: float | None = None) -> Scheduled:
    """Give it back if it is known and ends within the run. Raise BadInput."""
    if fault.name not in FAULTS:
        raise BadInput(
            f"unknown fault {fault.name!r}; accepted: {', '.join(FAULTS)}", field="--fault"
        )
    if duration_s is not None and fault.at_s + fault.for_s >= duration_s:
        raise BadInput(
            f"{fault} is not over before the run is, after {duration_s:g} s", field="--fault"
        )
    return fault

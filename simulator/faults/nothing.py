"""Nothing at all: what a run looks like when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulator.faults.fault import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Fault):
    name: ClassVar[str] = "nothing"
    cause: ClassVar[str] = "nothing"

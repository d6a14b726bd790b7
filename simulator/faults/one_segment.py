"""A fault that may reach one segment of the requests alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator.faults.fault import Fault
from simulator.report.truth import GroundTruth
from simulator.world.conditions import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSegment(Fault):
    """``where`` is empty for all requests."""

    where: Where = ()

    def truth(self, start_s: float) -> GroundTruth:
        told = Fault.truth(self, start_s)
        if not self.where:
            return told
        segment = " & ".join(f"{column}={value}" for column, value in self.where)
        return replace(told, cause=f"{told.cause}, of {segment} alone")

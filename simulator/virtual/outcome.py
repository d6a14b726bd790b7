"""What a virtual run came to: what was seen, what was expected, which truths were broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.invariants.step import Broken
from simulator.report.evidence import Evidence
from simulator.scenario.model import Scenario
from simulator.scenario.verdict import Judged


@dataclass(frozen=True, slots=True)
class Outcome:
    """``log`` are the sealed lines of the decision log, oldest first; ``records`` the same read.

    ``failed_commands`` are those of people that no record ever answered.
    """

    scenario: Scenario
    seed: int
    command: str
    evidence: Evidence
    log: tuple[bytes, ...]
    records: tuple[Mapping[str, Any], ...]
    judged: tuple[Judged, ...]
    broken: tuple[Broken, ...]
    failed_commands: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.broken and all(judged.met for judged in self.judged)


def sentences(broken: Sequence[Broken]) -> list[str]:
    """One line each, for people."""
    return [f"{each.invariant} at {each.at_s:.1f} s: {each.sentence}" for each in broken]

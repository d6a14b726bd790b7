"""All that a report is made from, as plain data: either world fills it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.report.exchanges import Exchange
from simulator.report.truth import GroundTruth

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of one run, from ``started_at_s`` to ``ended_at_s`` (seconds since 1970).

    ``records`` are decision-log documents, oldest first; older ones than the run are left out.
    ``readings`` are samples as the controller writes them: ``at_s`` and ``readings``, a list with
    ``signal``, ``value`` and ``state``.
    """

    command: str
    started_at_s: float
    ended_at_s: float
    exchanges: Sequence[Exchange]
    truths: Sequence[GroundTruth] = ()
    records: Sequence[Document] = ()
    readings: Sequence[Document] = ()
    feedback_sent: int = 0
    feedback_problems: Mapping[str, int] = field(default_factory=dict)
    watched_arm: str = "primary"

    @property
    def decisions(self) -> list[Document]:
        """Records made during the run, oldest first."""
        return [record for record in self.records if record["at_s"] >= self.started_at_s]

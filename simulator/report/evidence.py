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
    seen_at_s: Mapping[str, float] = field(default_factory=dict)
    """When a record was public, by its id; its own ``at_s`` is the end of the tick it judged."""
    readings: Sequence[Document] = ()
    feedback_sent: int = 0
    feedback_problems: Mapping[str, int] = field(default_factory=dict)
    watched_arm: str = "primary"

    def public_at_s(self, record: Document) -> float:
        """When the record, and the plan of its commit, could be read by others."""
        return self.seen_at_s.get(record["id"], float(record["at_s"]))

    @property
    def decisions(self) -> list[Document]:
        """Records made during the run, oldest first."""
        return [record for record in self.records if record["at_s"] >= self.started_at_s]

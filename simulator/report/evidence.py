"""All that a report is made from, as plain data: either world fills it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.report.objectives import Objective
from simulator.report.requests import Requests
from simulator.report.series import Series
from simulator.report.truth import GroundTruth

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of one run, from ``started_at_s`` to ``ended_at_s`` (seconds since 1970).

    ``records`` are decision-log documents, oldest first; older ones than the run are left out.
    ``signals`` are the controller's readings, by name with labels and window. ``objectives`` are
    the limits that playbooks set for them.
    """

    command: str
    started_at_s: float
    ended_at_s: float
    exchanges: Requests
    """`Exchanges`, or `Windows` of a run too long to keep each."""
    truths: Sequence[GroundTruth] = ()
    records: Sequence[Document] = ()
    seen_at_s: Mapping[str, float] = field(default_factory=dict)
    """When a record was public, by its id; its own ``at_s`` is the end of the tick it judged."""
    signals: Mapping[str, Series] = field(default_factory=dict)
    objectives: Sequence[Objective] = ()
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

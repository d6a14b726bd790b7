"""What the decision log says about incidents: when each opened, acted and ended."""

from __future__ import annotations

from dataclasses import dataclass

from controller.core.phases import Phase
from simulator.report.evidence import Document, Evidence
from simulator.report.moves import actions_of

ENDED_WELL = frozenset({"recovered"})


@dataclass(frozen=True, slots=True)
class Incident:
    """``breach_at_s``: since when its condition held. ``published_at_s``: its first plan.

    ``held_at_s``: since when every comparison met at its opening was; later than ``breach_at_s``
    where one of them (that there is traffic, say) had long been met.
    """

    id: str
    playbook: str
    opened_at_s: float
    breach_at_s: float
    published_at_s: float | None
    last_phase: str
    last_at_s: float
    life: tuple[tuple[float, str], ...] = ()
    """(at_s, phase) of every change of phase, oldest first."""
    held_at_s: float = 0.0
    acts: tuple[tuple[float, frozenset[str]], ...] = ()
    """(when public, kinds of action) of every plan of its own, oldest first."""

    @property
    def kinds(self) -> frozenset[str]:
        """Of all actions it took."""
        return frozenset().union(*(kinds for _, kinds in self.acts))

    @property
    def recovered(self) -> bool:
        return self.last_phase in ENDED_WELL


def incidents(evidence: Evidence, *, joined: bool = False) -> list[Incident]:
    """Incidents opened during the run, oldest first; ``joined``: also those that joined another."""
    begins = _BEGINS if joined else {"opened"}
    by_id: dict[str, list[Document]] = {}
    for record in evidence.decisions:
        if record.get("incident"):
            by_id.setdefault(record["incident"], []).append(record)
    return [
        _incident(evidence, name, records)
        for name, records in by_id.items()
        if any(record["phase"] in begins for record in records)
    ]


def _incident(evidence: Evidence, name: str, records: list[Document]) -> Incident:
    opened = next(record for record in records if record["phase"] in _BEGINS)
    acts = [
        (evidence.public_at_s(record), actions_of(record))
        for record in records
        if record["phase"] == "acting" and record.get("enforced", True)
    ]
    held_s = [c["held_s"] for c in opened.get("conditions", ()) if c["met"] == "met"]
    life = [(float(r["at_s"]), p) for r in records if (p := _phase(r["phase"])) is not None]
    return Incident(
        id=name,
        playbook=opened.get("playbook") or "",
        opened_at_s=opened["at_s"],
        breach_at_s=opened["at_s"] - max(held_s, default=0.0),
        published_at_s=min((at_s for at_s, _ in acts), default=None),
        last_phase=life[-1][1],
        last_at_s=life[-1][0],
        life=tuple(life),
        held_at_s=opened["at_s"] - min(held_s, default=0.0),
        acts=tuple(acts),
    )


_PHASES = frozenset(phase.value for phase in Phase)
_BEGINS = frozenset({"opened", "joined"})


def _phase(said: str) -> str | None:
    """The phase an incident is in after such a record; None: that of before. Who joins holds."""
    if said == "joined":
        return Phase.HOLDING.value
    return said if said in _PHASES else None

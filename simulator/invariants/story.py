"""The story so far, as the records alone tell it: open incidents, claims, people, promotions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Record = Mapping[str, Any]
Claim = Mapping[str, Any]

SAYS_WHY = "explained"
"""Of records that say why an incident opened; it stands where it stood."""
ENDED = ("recovered", "expired")
"""Phases after which an incident is no more."""


@dataclass(slots=True)
class Incident:
    """One that is open. ``last_s``: when its last record was made; ``phase``: what that said."""

    id: str
    playbook: str
    target: str
    opened_s: float
    last_s: float
    phase: str


@dataclass(slots=True)
class Story:
    """``tell`` it every record, in order."""

    incidents: dict[str, Incident] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    claims: tuple[Claim, ...] = ()
    """As of the last record."""
    overrides: set[str] = field(default_factory=set)
    """Ids of commands that people's shares stand under."""
    promoters: set[str] = field(default_factory=set)
    head: str | None = None
    position: tuple[int, int] = (0, 0)
    """(epoch, revision) of the last record."""
    said: int = 0

    def tell(self, record: Record) -> None:
        self.said += 1
        self.claims = tuple(record["claims_after"])
        self.position = (record["epoch"], record["revision"])
        self.head = record["hash"]
        if record["incident"] is not None:
            self._incident(record)
        details = record["details"]
        if record["phase"] == "promoted":
            self.promoters.add(str(details.get("who", "")))
        if is_order(record, "override"):
            self.overrides.add(str(record["command_id"]))

    def _incident(self, record: Record) -> None:
        id_, phase, at_s = record["incident"], record["phase"], record["at_s"]
        if phase == SAYS_WHY:
            return
        if phase in ENDED:
            self.incidents.pop(id_, None)
            self.ended.add(id_)
            return
        known = self.incidents.get(id_)
        if known is None:
            known = Incident(id_, record["playbook"], target_of(record), at_s, at_s, phase)
            self.incidents[id_] = known
        known.last_s = at_s
        known.phase = phase


def is_order(record: Record, verb: str) -> bool:
    """Whether a person said so, and it was carried out."""
    details = record["details"]
    is_order = record["phase"] == "operator" and details["verb"] == verb
    return is_order and bool(details["accepted"])


def target_of(record: Record) -> str:
    """What an incident of `for_each` is about, as its id says (empty without it):
    ``PLAYBOOK[-TARGET]-EPOCH-REVISION``."""
    rest = str(record["incident"]).removeprefix(str(record["playbook"]))
    return rest.rsplit("-", 2)[0].removeprefix("-")


def drained(claim: Claim) -> float:
    """The share of its arm that a route holds back now: what it took, less what is back."""
    return float(claim.get("share", 0.0)) * (1.0 - float(claim.get("returned", 0.0)))

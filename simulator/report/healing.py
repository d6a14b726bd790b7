"""How fast it healed: fault on, first breach seen, plan published, bad attempts gone, recovered."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.report.evidence import Evidence
from simulator.report.incidents import Incident, incidents
from simulator.report.requests import QUIET_S
from simulator.report.truth import GroundTruth


@dataclass(frozen=True, slots=True)
class Healing:
    """Seconds since the fault was put on; None: it did not happen, or there was nothing bad."""

    fault: str
    breach_s: float | None
    published_s: float | None
    bad_gone_s: float | None
    recovered_s: float | None
    incident: str | None
    healed: bool
    why: str
    """In words, why it counts as healed or not."""


def healings(evidence: Evidence) -> list[Healing]:
    """One per fault, in order of time; an incident belongs to the latest fault before it."""
    ordered = sorted(evidence.truths, key=lambda truth: truth.on_at_s)
    own: dict[int, list[Incident]] = {number: [] for number in range(len(ordered))}
    for incident in incidents(evidence):
        begun = sum(truth.on_at_s <= incident.opened_at_s for truth in ordered)
        if begun:
            own[begun - 1].append(incident)
    return [_healing(evidence, truth, own[number]) for number, truth in enumerate(ordered)]


def _healing(evidence: Evidence, truth: GroundTruth, own: list[Incident]) -> Healing:
    acted = [i.published_at_s for i in own if i.published_at_s is not None]
    breach_at_s = max(truth.on_at_s, min(i.breach_at_s for i in own)) if own else None
    healed, why = _judged(truth, own)
    return Healing(
        fault=truth.name,
        breach_s=_since(truth, breach_at_s),
        published_s=_since(truth, min(acted, default=None)),
        bad_gone_s=_since(truth, _bad_gone_at_s(evidence, truth)),
        recovered_s=_since(truth, max(i.last_at_s for i in own) if own and healed else None),
        incident=own[0].id if own else None,
        healed=healed,
        why=why,
    )


def _judged(truth: GroundTruth, own: list[Incident]) -> tuple[bool, str]:
    if truth.off_at_s is None:
        return False, "the fault was still on at the end of the run"
    unfinished = [i for i in own if not i.recovered]
    if unfinished:
        return False, f"incident {unfinished[0].id} ended the run {unfinished[0].last_phase}"
    if own:
        return True, f"incident {own[0].id} recovered"
    if truth.must_act:
        return False, "no incident was opened"
    return True, "no incident was opened, and none had to be"


def _bad_gone_at_s(evidence: Evidence, truth: GroundTruth) -> float | None:
    """None where the run ended before it was quiet for long enough."""
    at_s = evidence.exchanges.bad_gone_at_s(truth.on_at_s)
    return None if at_s is None or at_s + QUIET_S > evidence.ended_at_s else at_s


def _since(truth: GroundTruth, at_s: float | None) -> float | None:
    return None if at_s is None else at_s - truth.on_at_s

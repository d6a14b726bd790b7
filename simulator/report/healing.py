"""How fast it healed: fault on, first breach seen, plan published, bad attempts gone, recovered."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from simulator.report.evidence import Evidence
from simulator.report.incidents import Incident, incidents
from simulator.report.requests import QUIET_S
from simulator.report.truth import GroundTruth

LINGERS_S = 60.0
"""A window still holds what a fault did for about so long after it is off."""


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
    """One per fault, in order of time, with the incidents that `_cause_of` gives it."""
    ordered = sorted(evidence.truths, key=lambda truth: truth.on_at_s)
    own: dict[int, list[Incident]] = {number: [] for number in range(len(ordered))}
    for incident in incidents(evidence):
        cause = _cause_of(incident, ordered)
        if cause is not None:
            own[cause].append(incident)
    return [_healing(evidence, truth, own[number]) for number, truth in enumerate(ordered)]


def _cause_of(incident: Incident, ordered: list[GroundTruth]) -> int | None:
    """Place of the fault it is about; None: no fault had begun.

    A fault that one of its actions helps against comes first: one on when its condition began to
    hold, or off for at most `LINGERS_S`; the one against which most of its actions help, then the
    latest. Where none is such, the latest fault before it.
    """
    begun = [n for n, truth in enumerate(ordered) if truth.on_at_s <= incident.opened_at_s]
    fitting = []
    for place in begun:
        truth = ordered[place]
        off_for_s = 0.0 if truth.off_at_s is None else incident.held_at_s - truth.off_at_s
        helping = len(incident.kinds & set(truth.right_actions))
        if helping and truth.on_at_s <= incident.held_at_s and off_for_s <= LINGERS_S:
            fitting.append((off_for_s <= 0.0, helping, place))
    if fitting:
        return max(fitting)[-1]
    return begun[-1] if begun else None


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
    if truth.must_act and not _acted_rightly(truth, own):
        within = "" if truth.deadline_s is None else f" within {truth.deadline_s:g} s"
        missing = f"no right action ({', '.join(truth.right_actions)}){within}"
        return False, missing if own else f"no incident was opened, so {missing}"
    if own:
        return True, f"incident {own[0].id} recovered"
    return True, "no incident was opened, and none had to be"


def _acted_rightly(truth: GroundTruth, own: list[Incident]) -> bool:
    """Whether an action that helps was public in time; without a deadline, at any time."""
    until_s = inf if truth.deadline_s is None else truth.on_at_s + truth.deadline_s
    acts = [act for incident in own for act in incident.acts]
    return any(at_s <= until_s and kinds & set(truth.right_actions) for at_s, kinds in acts)


def _bad_gone_at_s(evidence: Evidence, truth: GroundTruth) -> float | None:
    """None where the run ended before it was quiet for long enough."""
    at_s = evidence.exchanges.bad_gone_at_s(truth.on_at_s)
    return None if at_s is None or at_s + QUIET_S > evidence.ended_at_s else at_s


def _since(truth: GroundTruth, at_s: float | None) -> float | None:
    return None if at_s is None else at_s - truth.on_at_s

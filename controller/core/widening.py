"""Law 10, where head-room is unknown: traffic moves in stages, each judged before the next.

A stage passes after `STAGE_S` when the target's head-room has become known and bears the whole
move, or, while it is still unknown, when few of its attempts are bad. Verification waits for the
last stage. A stage that does not pass stays where it is, and a person is paged.
"""

from __future__ import annotations

from dataclasses import replace

from controller.core.claims import Claim
from controller.core.conditions import TOLERANCE, Truth
from controller.core.draft import Draft
from controller.core.guards import frozen, wait_for
from controller.core.head_room import bad_share, utilization_after
from controller.core.observing import IncidentView
from controller.core.phases import Event, follow
from controller.core.records import Refusal, SeenCondition
from controller.core.state import Incident
from controller.core.wording import duration, percent

STAGES = (0.25, 0.5, 1.0)
STAGE_S = 10.0
LONGEST_STAGE_S = 60.0
"""Not seen to be well for so long, the move stops at its stage."""
MOST_BAD = 0.05


def first_stage(claim: Claim) -> Claim:
    """The claim of a route whose target's head-room nobody knows."""
    return replace(claim, granted=STAGES[0])


def is_partial(claim: Claim) -> bool:
    return claim.kind == "route" and claim.granted < 1.0


def widen(draft: Draft, incident: Incident, view: IncidentView) -> None:
    """Adopted as it is: go on to the next stage, wait, or stop and page."""
    if view.clear.truth is Truth.MET:
        said = f"{incident.id} moves no more traffic: clear_when is met"
        _settle_for_less(draft, incident, said, view.clear.seen)
        return
    stopped_by = frozen(draft.state, incident.playbook.name, incident.id)
    if stopped_by is not None:
        wait_for(draft, incident, "move more traffic", stopped_by, view.when.seen)
        return
    at_stage_s = draft.at_s - incident.phase_since_s
    if at_stage_s < STAGE_S - TOLERANCE:
        return
    now = [claim for claim in incident.claims if _is_to_grow(incident, claim)]
    stopped = [why for claim in now if (why := _against(draft, claim))]
    if stopped:
        _stop(draft, incident, "; ".join(stopped))
        return
    widened = tuple(_next(draft, c) if c in now else c for c in incident.claims)
    if widened == incident.claims:
        if at_stage_s >= LONGEST_STAGE_S - TOLERANCE:
            said = f"nothing was seen of how the target bears it for {duration(at_stage_s)}"
            _stop(draft, incident, said)
        return
    _go_on(draft, incident, widened)


def _is_to_grow(incident: Incident, claim: Claim) -> bool:
    """What an earlier rung moved in part has failed; it stays, and grows no more."""
    return is_partial(claim) and claim.rung == incident.rung


def _next(draft: Draft, claim: Claim) -> Claim:
    known = utilization_after(draft, claim.target, [_still_to_come(claim)])
    if known is not None:
        return replace(claim, granted=1.0)
    if bad_share(draft, claim.target) is None:
        return claim
    return replace(claim, granted=min(stage for stage in STAGES if stage > claim.granted))


def _against(draft: Draft, claim: Claim) -> str:
    """Why no more may be moved; empty: nothing that was seen speaks against it."""
    limit = draft.settings.limits.most_utilization
    known = utilization_after(draft, claim.target, [_still_to_come(claim)])
    if known is not None and known > limit:
        return (
            f"{claim.target} would be {percent(round(known, 3))} utilized, "
            f"at most {percent(limit)} may be"
        )
    bad = bad_share(draft, claim.target)
    if bad is not None and bad > MOST_BAD:
        return f"{percent(round(bad, 3))} of the attempts at {claim.target} are bad"
    return ""


def _still_to_come(claim: Claim) -> Claim:
    """The rest of the move, as a share of what reaches the source now."""
    left = 1.0 - claim.share * claim.granted
    rest = 1.0 if left <= 0.0 else claim.share * (1.0 - claim.granted) / left
    return replace(claim, share=rest, granted=1.0)


def _go_on(draft: Draft, incident: Incident, claims: tuple[Claim, ...]) -> None:
    widened = replace(
        incident,
        claims=claims,
        phase=follow(incident.phase, Event.WIDEN),
        phase_since_s=draft.at_s,
        acted_at_s=draft.at_s,
        acted_epoch=draft.epoch,
        acted_revision=draft.revision,
        adopted_at_s=None,
        widening=any(_is_to_grow(incident, claim) for claim in claims),
        refusals=(),
        expectations=tuple(
            replace(each, outcome="pending", timers=()) for each in incident.expectations
        ),
    )
    draft.put(widened)
    now = ", ".join(
        f"{percent(c.share * c.granted)} of {c.source} to {c.target}"
        for c, before in zip(claims, incident.claims, strict=True)
        if c != before
    )
    draft.record(
        widened.phase.value,
        f"{incident.id}: the target bears it, the next stage routes {now}",
        incident=widened,
    )


def _stop(draft: Draft, incident: Incident, because: str) -> None:
    said = f"{incident.id} moves no more traffic: {because}"
    playbook = incident.playbook
    draft.page(said, owner=incident.id, to=playbook.owner, playbook=playbook.name)
    _settle_for_less(draft, incident, said, (), (Refusal("head-room", because),))


def _settle_for_less(
    draft: Draft,
    incident: Incident,
    said: str,
    conditions: tuple[SeenCondition, ...],
    guards: tuple[Refusal, ...] = (),
) -> None:
    """Verification judges what was moved; the rest of the ladder follows from there."""
    stopped = replace(incident, widening=False, adopted_at_s=draft.at_s, refusals=())
    draft.put(stopped)
    draft.record("blocked", said, incident=stopped, conditions=conditions, guards=guards)

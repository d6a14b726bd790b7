"""Giving traffic back. Return belongs to the arm: the last incident to leave it returns it.

A stage passes when its time is over and `when` was not met on ok readings; a failed stage drains
again; the third failure pages and waits for a person to acknowledge.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from controller.core.acting import sight_now, spend, without_spans
from controller.core.claims import Claim, drained_share, drains_same_arm
from controller.core.conditions import TOLERANCE, Truth, evaluate
from controller.core.draft import Draft, active_claims
from controller.core.evidence import is_of_since
from controller.core.guards import flips_spent, freeze_oscillation, frozen, wait_for
from controller.core.head_room import utilization_after
from controller.core.observing import IncidentView, Observed
from controller.core.phases import Event, Phase, follow
from controller.core.records import SeenCondition
from controller.core.refusal import Refused
from controller.core.state import Incident
from controller.core.wording import duration, percent

STAGE_FAILURES_LIMIT = 3
UNSEEN_S = 300.0
"""A return stage that nobody sees for so long after its time is told to a person."""
Leaving = Literal["cleared", "expired", "undone"]


def hold(draft: Draft, incident: Incident, view: IncidentView) -> None:
    """HOLDING or ESCALATED: wait for clear_when, or for the claim to run out."""
    if _needs_a_person(incident):
        return
    lapsed = any(
        claim.kind == "route" and claim.until_s is not None and draft.at_s >= claim.until_s
        for claim in incident.claims
    )
    cleared = view.clear.truth is Truth.MET
    if not (lapsed or cleared):
        return
    stopped = frozen(draft.state, incident.playbook.name, incident.id)
    if stopped is None and any(claim.kind == "route" for claim in incident.claims):
        stopped = _still_bad(view, lapsed=not cleared)
    if stopped is not None:
        wait_for(draft, incident, "return", stopped, view.clear.seen if cleared else view.when.seen)
        return
    if cleared:
        begin_return(draft, incident, Event.CLEAR, "cleared", view.clear.seen)
    else:
        begin_return(draft, incident, Event.LAPSE, "expired", ())


def _still_bad(view: IncidentView, *, lapsed: bool) -> Refused | None:
    """Nothing returns into an arm that is not seen to be well. That nobody sees it, or that only
    the clock says that it is over, is told to a person."""
    if view.when.evidence is Truth.NOT_MET:
        return None
    holds = "still holds" if view.when.assumed is Truth.MET else "is not known to be over"
    over = "its claim has run out, but " if lapsed else ""
    seen = "; ".join(each.sentence for each in view.when.seen)
    said = f"{over}`when` {holds}: {seen}"
    unseen = view.when.assumed is not Truth.MET
    return Refused("when", f"when {holds}", said, needs_a_person=lapsed or unseen)


def begin_return(
    draft: Draft,
    incident: Incident,
    event: Event,
    leaving: Leaving,
    conditions: tuple[SeenCondition, ...],
) -> None:
    """Drop what another still holds; return the rest in stages, or be done at once."""
    ours = _last_to_leave(draft, incident)
    if ours and flips_spent(draft, incident.playbook):
        freeze_oscillation(draft, incident)
        return
    beside = tuple(claim for claim in incident.claims if claim.kind != "route")
    leaver = replace(
        incident,
        phase=follow(incident.phase, event),
        phase_since_s=draft.at_s,
        claims=(*ours, *beside) if ours else (),
        leaving=leaving,
        refusals=(),
    )
    if not ours:
        _end(draft, leaver, Event.LEAVE, _why(leaving, incident), conditions)
        return
    spend(draft, leaver, flips=1)
    _set_stage(draft, leaver, 0, f"{_why(leaving, incident)}; ", conditions)


def go_on_returning(draft: Draft, incident: Incident, view: IncidentView, seen: Observed) -> None:
    """RETURNING: leave, drain again, wait, or pass to the next stage."""
    ours = _last_to_leave(draft, incident)
    if not ours:
        said = "another incident drains the arm now; this one leaves it to that"
        _end(draft, replace(incident, claims=()), Event.LEAVE, said, ())
        return
    if view.when.assumed is Truth.MET:
        _drain_again(draft, incident, view)
        return
    every_s = max(claim.every_s for claim in ours)
    if draft.at_s - incident.stage_since_s < every_s - TOLERANCE:
        return
    adopted = draft.state.dry_run or (
        seen.adopted is not None and seen.adopted >= (draft.epoch, incident.stage_revision)
    )
    if not _is_seen_well(draft, incident, view):
        _page_if_unseen(draft, incident, view, every_s)
        return
    stopped = frozen(draft.state, incident.playbook.name, incident.id)
    if stopped is None and not adopted:
        stopped = _not_adopted(draft, incident)
        if stopped is None:
            return
    if stopped is not None:
        wait_for(draft, incident, "return more", stopped, view.when.seen)
        return
    stages = max(len(claim.returns) for claim in ours)
    if incident.stage + 1 < stages and not _is_held_by_others(draft, ours):
        _set_stage(draft, incident, incident.stage + 1, "the stage passed; ", view.when.seen)
    else:
        _end(
            draft,
            replace(incident, claims=()),
            Event.STAGES_PASS,
            f"{_what_is_back(draft, ours)} and `when` stayed away",
            view.when.seen,
        )


def _is_seen_well(draft: Draft, incident: Incident, view: IncidentView) -> bool:
    """Not met at this very tick, whatever its span, by windows that begin with the stage."""
    now = evaluate(without_spans(incident.playbook.when), (), sight_now(draft))
    of_stage = is_of_since(now, incident.stage_since_s, draft.settings)
    return of_stage and Truth.NOT_MET is now.evidence is view.when.evidence


def _not_adopted(draft: Draft, incident: Incident) -> Refused | None:
    waited_s = draft.at_s - incident.stage_since_s
    if waited_s < draft.settings.adoption_timeout_s - TOLERANCE:
        return None
    said = f"after {duration(waited_s)} not every live router holds the plan of this stage"
    return Refused("adoption", f"not adopted {incident.stage}", said, needs_a_person=True)


def _page_if_unseen(draft: Draft, incident: Incident, view: IncidentView, every_s: float) -> None:
    """The stage is over and nobody sees how it went: it waits, and after a while a person knows."""
    waited_s = draft.at_s - incident.stage_since_s
    if view.when.evidence is Truth.NOT_MET or waited_s < every_s + UNSEEN_S - TOLERANCE:
        return
    seen = "; ".join(each.sentence for each in view.when.seen)
    said = f"for {duration(waited_s)} nobody sees how stage {incident.stage + 1} goes: {seen}"
    refused = Refused("no_data", f"unseen {incident.stage}", said, needs_a_person=True)
    wait_for(draft, incident, "return more", refused, view.when.seen)


def _what_is_back(draft: Draft, ours: tuple[Claim, ...]) -> str:
    """Under a person's override nothing comes back, and what another incident holds does not."""
    held = ", ".join(claim.owner for claim in draft.state.overrides)
    if held:
        return f"it claims nothing any more (a person's override {held} decides the shares)"
    holders = sorted({each.owner for claim in ours for each in _others_on(draft, claim)})
    if holders:
        return f"what it held back is back ({', '.join(holders)} still holds back a part)"
    return "all traffic is back"


def _last_to_leave(draft: Draft, incident: Incident) -> tuple[Claim, ...]:
    """The routes that hold more back than anybody else of that arm.

    Those return in stages, down to what others hold back; every other claim just goes.
    """
    return tuple(
        claim
        for claim in incident.claims
        if claim.kind == "route"
        and claim.returns
        and not _is_held_by_others(draft, (replace(claim, returned=0.0),))
    )


def _is_held_by_others(draft: Draft, ours: tuple[Claim, ...]) -> bool:
    """Whether others hold back at least as much of each arm: then giving more changes nothing."""
    return all(
        any(
            drained_share(other) >= drained_share(claim) - TOLERANCE
            for other in _others_on(draft, claim)
        )
        for claim in ours
    )


def _others_on(draft: Draft, claim: Claim) -> list[Claim]:
    """What others hold back of the same arm now."""
    return [
        other
        for other in active_claims(draft.state)
        if other.owner != claim.owner
        and drains_same_arm(claim, other)
        and drained_share(other) > 0.0
    ]


def _set_stage(
    draft: Draft,
    incident: Incident,
    stage: int,
    why: str,
    conditions: tuple[SeenCondition, ...],
) -> None:
    claims = tuple(
        replace(claim, returned=claim.returns[min(stage, len(claim.returns) - 1)])
        if claim.kind == "route"
        else claim
        for claim in incident.claims
    )
    routes = [claim for claim in claims if claim.kind == "route"]
    staged = replace(
        incident,
        claims=claims,
        stage=stage,
        stage_since_s=draft.at_s,
        stage_revision=draft.revision,
    )
    draft.put(staged)
    back = ", ".join(f"{percent(c.returned)} of what {c.source} lost" for c in routes)
    draft.record(
        staged.phase.value,
        f"{incident.id}: {why}stage {stage + 1} gives back {back}",
        incident=staged,
        conditions=conditions,
        details={"stage": stage + 1, "returned": [claim.returned for claim in routes]},
    )


def _drain_again(draft: Draft, incident: Incident, view: IncidentView) -> None:
    failures = incident.stage_failures + 1
    third = failures >= STAGE_FAILURES_LIMIT
    event = Event.EXHAUST if third else Event.STAGE_FAIL
    drained = replace(
        incident,
        phase=follow(incident.phase, event),
        phase_since_s=draft.at_s,
        claims=tuple(replace(claim, returned=0.0) for claim in incident.claims),
        clear_timers=(),
        leaving="",
        stage_failures=failures,
        acknowledged_by="",
    )
    over_limit = flips_spent(draft, incident.playbook)
    draft.put(drained)
    spend(draft, drained, flips=1)
    said = f"{incident.id}: stage {incident.stage + 1} failed ({failures}), it drains again"
    beyond = _beyond_head_room(draft, drained)
    if beyond:
        said += f", though {beyond}"
    if third:
        said += "; it stays drained until a person acknowledges"
        draft.count(drained, Phase.ESCALATED.value)
    if third or beyond:
        playbook = incident.playbook
        draft.page(said, owner=incident.id, to=playbook.owner, playbook=playbook.name)
    draft.record(drained.phase.value, said, incident=drained, conditions=view.when.seen)
    if over_limit:
        freeze_oscillation(draft, drained)


def _beyond_head_room(draft: Draft, incident: Incident) -> str:
    """What became of the room it had when it moved first. Draining protects, so it goes on."""
    limit = draft.settings.limits.most_utilization
    found = []
    for target in sorted({claim.target for claim in incident.claims if claim.kind == "route"}):
        utilization = utilization_after(draft, target, ())
        if utilization is not None and utilization > limit:
            found.append(f"{target} will be {percent(round(utilization, 3))} utilized")
    return " and ".join(found)


def _needs_a_person(incident: Incident) -> bool:
    return incident.stage_failures >= STAGE_FAILURES_LIMIT and not incident.acknowledged_by


def _end(
    draft: Draft,
    incident: Incident,
    event: Event,
    said: str,
    conditions: tuple[SeenCondition, ...],
) -> None:
    draining = next(each.claims for each in draft.state.incidents if each.id == incident.id)
    left = event is Event.LEAVE
    if incident.leaving == "expired":
        event = Event.LAPSE
    ended = replace(
        incident, phase=follow(incident.phase, event), phase_since_s=draft.at_s, claims=()
    )
    draft.put(ended)
    draft.close(ended)
    if left:
        _leave_the_count(draft, incident, draining)
    draft.record(
        ended.phase.value,
        f"{incident.id} has {ended.phase.value}: {said}",
        incident=ended,
        conditions=conditions,
    )


def _leave_the_count(draft: Draft, leaver: Incident, draining: tuple[Claim, ...]) -> None:
    """Return belongs to the arm, so its failed stages stay with those who still drain it."""
    for other in draft.state.incidents:
        shared = any(drains_same_arm(ours, theirs) for ours in draining for theirs in other.claims)
        if shared and other.stage_failures < leaver.stage_failures:
            draft.put(replace(other, stage_failures=leaver.stage_failures))


def _why(leaving: Leaving, incident: Incident) -> str:
    match leaving:
        case "cleared":
            return "clear_when is met"
        case "expired":
            return "its claim has run out"
        case "undone":
            return f"rung {incident.rung + 1} is undone"

"""After acting: is the plan adopted, is the expectation met in time, and what if not."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from controller.core.acting import act, rung_text
from controller.core.all_services import against_next
from controller.core.budgets import over_budget
from controller.core.conditions import TOLERANCE, Truth
from controller.core.draft import Draft
from controller.core.evidence import compares_arms, fault_goes_on
from controller.core.guards import (
    beyond_safety,
    budget,
    flips_spent,
    freeze_oscillation,
    frozen,
    rung_refusals,
)
from controller.core.observing import IncidentView, Observed
from controller.core.phases import Event, Phase, follow
from controller.core.playbook import Move
from controller.core.records import SeenCondition
from controller.core.refusal import Refused
from controller.core.returning import begin_return
from controller.core.state import Expectation, Incident
from controller.core.track_record import UNDONE
from controller.core.wording import condition_text, duration

Outcome = Literal["pending", "passed", "unproven", "failed", "not adopted"]


def await_adoption(draft: Draft, incident: Incident, view: IncidentView, seen: Observed) -> None:
    """ACTING: every live router reports the revision, or they do not in time."""
    if draft.state.dry_run:
        outcomes = _with_outcome(incident, "unproven")
        _settle(draft, replace(incident, expectations=outcomes), "it was not published: unproven")
        return
    acting = (incident.acted_epoch, incident.acted_revision)
    changes_plan = any(claim.rung == incident.rung for claim in incident.claims)
    if not changes_plan or (seen.adopted is not None and seen.adopted >= acting):
        _adopted(draft, incident, changes_plan=changes_plan)
        return
    timeout_s = draft.settings.adoption_timeout_s
    if draft.at_s - incident.acted_at_s < timeout_s - TOLERANCE:
        return
    held = "unknown" if seen.adopted is None else f"{seen.adopted[0]}/{seen.adopted[1]}"
    said = (
        f"not adopted: after {duration(timeout_s)} the routers hold {held}, "
        f"not {acting[0]}/{acting[1]}"
    )
    unadopted = replace(
        incident, expectations=_with_outcome(incident, "not adopted"), widening=False
    )
    draft.count(unadopted, "not adopted")
    moves = list(enumerate(incident.playbook.rungs[incident.rung]))
    if all(move.otherwise != "next" for _, move in moves):
        _tell(draft, incident, said)
    _conclude_failed(draft, unadopted, moves, view, said, ())


def verify(draft: Draft, incident: Incident, view: IncidentView) -> None:
    """VERIFYING: the first ok reading that meets `expect` settles it, as passed or as unproven.

    `within` counts from adoption. A sample that is too small is no ok reading.
    """
    rung = incident.playbook.rungs[incident.rung]
    expectations = tuple(
        _judge(draft, incident, each, rung[each.move], view) for each in incident.expectations
    )
    judged = replace(incident, expectations=expectations)
    if expectations == incident.expectations and any(e.outcome == "pending" for e in expectations):
        return
    if any(each.outcome == "pending" for each in expectations):
        draft.put(judged)
        return
    conditions = tuple(dict.fromkeys(s for each in expectations for s in each.seen))
    # From here on the record has them.
    judged = replace(judged, expectations=tuple(replace(each, seen=()) for each in expectations))
    draft.put(judged)
    said = "; ".join(_said(rung[each.move], each) for each in expectations)
    for each in expectations:
        draft.count(judged, each.outcome)
    failed = [(e.move, rung[e.move]) for e in expectations if e.outcome == "failed"]
    if failed:
        _conclude_failed(draft, judged, failed, view, said, conditions)
    else:
        _settle(draft, judged, said, conditions)


def _adopted(draft: Draft, incident: Incident, *, changes_plan: bool) -> None:
    took_s = draft.at_s - incident.acted_at_s
    said = (
        f"every live router holds plan {incident.acted_epoch}/{incident.acted_revision} "
        f"after {duration(took_s)}"
        if changes_plan
        else "its work is wanted, no router has anything to adopt"
    )
    adopted = replace(incident, adopted_at_s=draft.at_s)
    if not incident.expectations:
        _settle(draft, adopted, f"{said}; nothing is expected")
        return
    adopted = replace(adopted, phase=follow(incident.phase, Event.ADOPT), phase_since_s=draft.at_s)
    draft.put(adopted)
    draft.record(adopted.phase.value, f"{incident.id}: {said}", incident=adopted)


def _judge(
    draft: Draft, incident: Incident, expectation: Expectation, move: Move, view: IncidentView
) -> Expectation:
    if expectation.outcome != "pending":
        return expectation
    adopted_at_s = incident.adopted_at_s if incident.adopted_at_s is not None else draft.at_s
    evaluation = view.expects.get(expectation.move)
    seen = evaluation.seen if evaluation is not None else ()
    if evaluation is not None and evaluation.truth is Truth.MET and move.expect is not None:
        goes_on = fault_goes_on(view.when, adopted_at_s, draft.settings)
        shown = goes_on or compares_arms(move.expect, draft.settings)
        passed = shown and not expectation.already_met
        told = (*seen, *view.when.seen)
        return replace(expectation, outcome="passed" if passed else "unproven", seen=told)
    if draft.at_s > adopted_at_s + move.within_s + TOLERANCE:
        return replace(expectation, outcome="failed", seen=seen)
    return expectation


def _said(move: Move, expectation: Expectation) -> str:
    text = condition_text(move.expect) if move.expect is not None else ""
    match expectation.outcome:
        case "passed":
            return f"passed: {text}"
        case "unproven" if expectation.already_met:
            return f"unproven, it was true before acting: {text}"
        case "unproven":
            return f"unproven, met, but the fault may have passed by itself: {text}"
        case _:
            return f"failed, not seen within {duration(move.within_s)}: {text}"


def _with_outcome(incident: Incident, outcome: Outcome) -> tuple[Expectation, ...]:
    return tuple(replace(each, outcome=outcome) for each in incident.expectations)


def _settle(
    draft: Draft, incident: Incident, said: str, conditions: tuple[SeenCondition, ...] = ()
) -> None:
    settled = replace(
        incident, phase=follow(incident.phase, Event.SETTLE), phase_since_s=draft.at_s
    )
    draft.put(settled)
    draft.record(
        settled.phase.value,
        f"{incident.id}: {said}",
        incident=settled,
        conditions=conditions,
        details={"outcomes": [each.outcome for each in settled.expectations]},
    )


def _conclude_failed(
    draft: Draft,
    incident: Incident,
    failed: list[tuple[int, Move]],
    view: IncidentView,
    said: str,
    conditions: tuple[SeenCondition, ...],
) -> None:
    """The strongest `else` of what failed: next, then undo, then keep."""
    follows = {move.otherwise for _, move in failed}
    if "next" in follows:
        _next_rung(draft, incident, said, conditions)
    elif "undo" in follows:
        _undo(draft, incident, view, said, conditions)
    else:
        _settle(draft, incident, f"{said}; kept", conditions)


def _next_rung(
    draft: Draft,
    incident: Incident,
    said: str,
    conditions: tuple[SeenCondition, ...],
) -> None:
    rung = incident.rung + 1
    if rung >= len(incident.playbook.rungs):
        _escalate(draft, incident, f"{said}; no rung is left", conditions)
        return
    refused = _against_next(draft, incident, rung) or against_next(draft, incident, rung)
    if refused:
        reasons = "; ".join(each.sentence for each in refused)
        said = f"{said}; the next rung ({rung_text(incident, rung)}) may not act: {reasons}"
        _escalate(draft, incident, said, conditions, refused)
        return
    draft.record("failed", f"{incident.id}: {said}", incident=incident, conditions=conditions)
    act(draft, incident, Event.NEXT, rung, conditions)


def _against_next(draft: Draft, incident: Incident, rung: int) -> tuple[Refused, ...]:
    playbook = incident.playbook
    found = (
        frozen(draft.state, playbook.name, incident.id),
        budget(draft, playbook),
        *rung_refusals(draft, playbook, rung, assumed=incident.assumed),
        *over_budget(draft, playbook.rungs[rung]),
        *beyond_safety(draft, playbook.rungs[rung]),
    )
    return tuple(each for each in found if each is not None)


def _escalate(
    draft: Draft,
    incident: Incident,
    said: str,
    conditions: tuple[SeenCondition, ...],
    refused: tuple[Refused, ...] = (),
) -> None:
    escalated = replace(
        incident, phase=follow(incident.phase, Event.EXHAUST), phase_since_s=draft.at_s
    )
    playbook = incident.playbook
    draft.put(escalated)
    draft.count(escalated, Phase.ESCALATED.value)
    message = f"{incident.id} needs a person: {said}"
    draft.page(message, owner=incident.id, to=playbook.owner, playbook=playbook.name)
    draft.record(
        escalated.phase.value,
        message,
        incident=escalated,
        conditions=conditions,
        guards=tuple(each.as_refusal() for each in refused),
    )


def _undo(
    draft: Draft,
    incident: Incident,
    view: IncidentView,
    said: str,
    conditions: tuple[SeenCondition, ...],
) -> None:
    """Take the claims back, unless that sends traffic into an arm that is not seen well."""
    routes = any(claim.kind == "route" for claim in incident.claims)
    if routes and view.when.evidence is not Truth.NOT_MET:
        holds = "still holds" if view.when.truth is Truth.MET else "is not known to be over"
        _tell(draft, incident, f"{said}; undo is refused, because `when` {holds}")
        _settle(
            draft,
            incident,
            f"{said}; undo is refused, because `when` {holds}: "
            f"{'; '.join(s.sentence for s in view.when.seen)}",
            conditions,
        )
        return
    stopped = frozen(draft.state, incident.playbook.name, incident.id)
    if stopped is not None:
        refused = f"{said}; undo is refused: {stopped.sentence}"
        _tell(draft, incident, refused)
        _settle(draft, incident, refused, conditions)
        return
    if routes and flips_spent(draft, incident.playbook):
        _settle(draft, incident, f"{said}; undo is refused, it would be one flip too many", ())
        freeze_oscillation(draft, incident)
        return
    draft.count(incident, UNDONE)
    draft.record("failed", f"{incident.id}: {said}; undone", incident=incident)
    begin_return(draft, incident, Event.UNDO, "undone", conditions)


def _tell(draft: Draft, incident: Incident, said: str) -> None:
    """What was to help did not, and nothing more is tried."""
    playbook = incident.playbook
    draft.page(
        f"{incident.id}: {said}", owner=incident.id, to=playbook.owner, playbook=playbook.name
    )

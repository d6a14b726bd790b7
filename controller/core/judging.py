"""One tick that may decide: people and workers first, then incidents, then new ones."""

from __future__ import annotations

from dataclasses import replace

from controller.core.all_services import NotYet, wait
from controller.core.commands import obey
from controller.core.conditions import Truth, mark_paged
from controller.core.draft import Draft
from controller.core.explaining import take_explanation
from controller.core.facts import Explained, Operator, Tick
from controller.core.housekeeping import keep_house
from controller.core.observing import IncidentView, Observed
from controller.core.opening import open_incidents
from controller.core.phases import Event, Phase, follow
from controller.core.returning import go_on_returning, hold
from controller.core.state import Config, Incident, JudgeState
from controller.core.verifying import await_adoption, verify
from controller.core.widening import widen
from controller.core.working import take_result


def judge(state: JudgeState, config: Config, tick: Tick, observed: Observed) -> Draft:
    """Decide on one tick. Readings that were not recorded are unknown, never good."""
    inbox = state.inbox
    heard = replace(state, inbox=()) if inbox else state
    draft = Draft(heard, tick.at_s, tick.readings)
    keep_house(draft)
    for said in inbox:
        if isinstance(said, Operator):
            obey(draft, said)
        elif isinstance(said, Explained):
            take_explanation(draft, said)
        else:
            take_result(draft, said)
    for id_, view in observed.incidents.items():
        # A command or an earlier incident of this tick may have changed or ended it.
        incident = next((each for each in draft.state.incidents if each.id == id_), None)
        if incident is not None:
            _page_without_data(draft, incident, view)
    for id_, view in observed.incidents.items():
        incident = next((each for each in draft.state.incidents if each.id == id_), None)
        if incident is not None:
            before = draft.mark()
            try:
                _progress(draft, incident, view, observed)
            except NotYet as not_yet:
                draft.back_to(before)
                wait(draft, incident, not_yet.refused)
    open_incidents(draft, config, observed)
    return draft


def _progress(draft: Draft, incident: Incident, view: IncidentView, observed: Observed) -> None:
    match incident.phase:
        case Phase.OPENED:
            _await_approval(draft, incident, view)
        case Phase.ACTING:
            await_adoption(draft, incident, view, observed)
        case Phase.VERIFYING if incident.widening:
            widen(draft, incident, view)
        case Phase.VERIFYING:
            verify(draft, incident, view)
        case Phase.HOLDING if incident.widening and view.clear.truth is not Truth.MET:
            widen(draft, incident, view)
        case Phase.HOLDING | Phase.ESCALATED:
            hold(draft, incident, view)
        case Phase.RETURNING:
            go_on_returning(draft, incident, view, observed)
        case Phase.RECOVERED | Phase.EXPIRED:
            raise ValueError(f"{incident.id} has ended and is still in the state")


def _await_approval(draft: Draft, incident: Incident, view: IncidentView) -> None:
    if view.clear.truth is not Truth.MET:
        return
    ended = replace(incident, phase=follow(incident.phase, Event.CLEAR), phase_since_s=draft.at_s)
    draft.put(ended)
    draft.close(ended)
    draft.record(
        ended.phase.value,
        f"{incident.id} has recovered before anybody approved it",
        incident=ended,
        conditions=view.clear.seen,
    )


def _page_without_data(draft: Draft, incident: Incident, view: IncidentView) -> None:
    """`no_data: escalate` of an open incident: a person once per silence."""
    if not (view.when.overdue or view.clear.overdue):
        return
    when, clear = view.when, view.clear
    marked = replace(
        incident,
        when_timers=mark_paged(when.timers, when.overdue),
        clear_timers=mark_paged(clear.timers, clear.overdue),
    )
    unknown = [when.seen[i].sentence for i in when.overdue]
    unknown += [clear.seen[i].sentence for i in clear.overdue]
    message = f"{incident.id} cannot see: {'; '.join(unknown)}"
    playbook = incident.playbook
    draft.put(marked)
    draft.page(message, owner=incident.id, to=playbook.owner, playbook=playbook.name)
    draft.record("no_data", message, incident=marked, conditions=when.seen + clear.seen)

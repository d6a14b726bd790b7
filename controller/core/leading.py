"""Being elected, and learning what became of a commit."""

from __future__ import annotations

from dataclasses import replace

from controller.core.baseline import seed
from controller.core.bundles import note_first_bundle, tell_bundle, under_bundle
from controller.core.draft import Draft
from controller.core.facts import Elected, Fate
from controller.core.housekeeping import apply_settings
from controller.core.observing import restart_timers
from controller.core.phases import Event, Phase, follow
from controller.core.state import Incident, JudgeState, state_from_document


def lead(state: JudgeState, fact: Elected) -> Draft:
    """The stored state under what is loaded here, and the commit that makes it ours.

    Raise ValueError when nothing is loaded yet, or the stored state is of another format.
    """
    if state.config is None:
        raise ValueError("Elected before Loaded: there are no settings to lead with")
    stored = JudgeState() if fact.state is None else state_from_document(fact.state)
    taken = replace(
        restart_timers(stored),
        config=state.config,
        leading=True,
        holder=fact.holder,
        epoch=fact.epoch,
        in_flight=False,
        dry_run=False,
        at_s=fact.at_s,
        inbox=(),
        baseline=stored.baseline or seed(state.config.settings),
    )
    taken = note_first_bundle(taken)
    draft = Draft(taken, fact.at_s)
    for incident in taken.incidents:
        draft.put(_restarted(draft, incident))
    count = len(taken.incidents)
    incidents = f"{count} open incident{'' if count == 1 else 's'}"
    first = "; the first of this service" if fact.state is None else ""
    draft.record(
        "elected",
        f"{fact.holder} leads epoch {fact.epoch} with {incidents}{first}{under_bundle(taken)}",
        details={
            "holder": fact.holder,
            "code": state.config.code,
            "playbooks": {each.name: each.sha256 for each in state.config.playbooks},
            "incidents": [incident.id for incident in taken.incidents],
            **({"bundle": state.config.bundle} if state.config.bundle else {}),
        },
    )
    apply_settings(draft)
    tell_bundle(draft)
    return draft


def learn_fate(state: JudgeState, fact: Fate) -> JudgeState:
    """Published, and on it goes; not published on purpose, and it goes on as if; else resign."""
    match fact.fate:
        case "published":
            return replace(state, in_flight=False, dry_run=False, at_s=fact.at_s)
        case "not_published":
            return replace(state, in_flight=False, dry_run=True, at_s=fact.at_s)
        case "refused" | "behind" | "unreachable":
            return JudgeState(config=state.config, at_s=fact.at_s)


def _restarted(draft: Draft, incident: Incident) -> Incident:
    """Its evidence starts again here: adoption and verification, or the stage it is in."""
    if incident.phase in (Phase.ACTING, Phase.VERIFYING):
        return replace(
            incident,
            phase=follow(incident.phase, Event.RESTART),
            acted_at_s=draft.at_s,
            acted_epoch=draft.epoch,
            acted_revision=draft.revision,
            adopted_at_s=None,
        )
    if incident.phase is Phase.RETURNING:
        return replace(incident, stage_since_s=draft.at_s, stage_revision=draft.revision)
    return incident

"""From a watch whose `when` is met to an incident, or to a recorded refusal."""

from __future__ import annotations

from dataclasses import replace

from controller.core.acting import act, join, rung_text, spend
from controller.core.all_services import against_first
from controller.core.approvals import ask
from controller.core.binding import bind
from controller.core.budgets import brake_a_storm
from controller.core.conditions import Evaluation, Truth, mark_paged
from controller.core.draft import Draft
from controller.core.guards import (
    EXCLUDED,
    exclude_each_other,
    is_in_plan,
    refusals,
)
from controller.core.observing import Observed, places
from controller.core.phases import Event, Phase, follow
from controller.core.playbook import Autonomy, Playbook
from controller.core.records import Loser
from controller.core.refusal import Refused
from controller.core.state import Config, Incident, Watch

_Wish = tuple[Playbook, str | None, Evaluation]


def open_incidents(draft: Draft, config: Config, observed: Observed) -> None:
    """Let every playbook whose `when` is met act, join, ask, or be refused with a reason."""
    wishes = _wishes(draft, config, observed)
    for place, (playbook, target, when) in enumerate(wishes):
        _open(draft, bind(playbook, target), target, when, wishes[place + 1 :])
    for watch in draft.state.watches:
        _page_without_data(draft, config, watch, observed)


def _wishes(draft: Draft, config: Config, observed: Observed) -> list[_Wish]:
    busy = {(each.playbook.name, each.target) for each in draft.state.incidents}
    return [
        (playbook, target, when)
        for playbook, target, _ in places(config)
        if (when := observed.watches.get((playbook.name, target))) is not None
        and when.assumed is Truth.MET
        and (playbook.name, target) not in busy
    ]


def _open(
    draft: Draft,
    playbook: Playbook,
    target: str | None,
    when: Evaluation,
    later: list[_Wish],
) -> None:
    assumed = when.truth is not Truth.MET
    refused = refusals(draft, playbook, target, assumed=assumed)
    refused = refused or against_first(draft, playbook, target)
    incident = _new(draft, playbook, target, when, assumed=assumed)
    if refused:
        by_exclusion = [each for each in refused if each.guard == EXCLUDED]
        stopped = any(not each.lets_join for each in refused)
        by_itself = playbook.guards.autonomy is Autonomy.AUTO
        if by_exclusion and not stopped and by_itself and is_in_plan(draft, playbook):
            join(draft, incident, when.seen, by_exclusion[0].sentence)
        else:
            _block(draft, playbook, target, when, refused)
        return
    draft.put(incident)
    draft.record(
        Phase.OPENED.value,
        f"{_named(playbook, target)} opens: {'; '.join(_matched(when))}",
        incident=incident,
        conditions=when.seen,
    )
    match playbook.guards.autonomy:
        case Autonomy.AUTO:
            losers = _losers(playbook, later)
            act(draft, incident, Event.ACT, 0, when.seen, losers)
            brake_a_storm(draft, playbook)
        case Autonomy.APPROVE:
            _ask_to_act(draft, incident)
        case Autonomy.SUGGEST | Autonomy.SHADOW:
            _only_say(draft, incident)


def _new(
    draft: Draft, playbook: Playbook, target: str | None, when: Evaluation, *, assumed: bool
) -> Incident:
    of_target = f"-{target}" if target is not None else ""
    return Incident(
        id=f"{playbook.name}{of_target}-{draft.epoch}-{draft.revision}",
        playbook=playbook,
        target=target,
        opened_at_s=draft.at_s,
        phase=Phase.OPENED,
        phase_since_s=draft.at_s,
        enforced=playbook.guards.autonomy in (Autonomy.AUTO, Autonomy.APPROVE),
        assumed=assumed,
        when_timers=when.timers,
    )


def _ask_to_act(draft: Draft, incident: Incident) -> None:
    playbook = incident.playbook
    sentence = f"{playbook.name} asks for approval: {rung_text(incident, 0)}"
    ask(
        draft,
        "act",
        f"{incident.id}-act",
        incident.id,
        sentence,
        playbook=playbook.name,
        to=playbook.owner,
    )
    # Asked and not answered in time, it asks again only after its cooldown.
    spend(draft, incident, cools=True)
    draft.record("asked", sentence, incident=incident, details={"approval": f"{incident.id}-act"})


def _only_say(draft: Draft, incident: Incident) -> None:
    """Shadow writes down what it would have done; suggest tells a person too."""
    playbook = incident.playbook
    said = replace(incident, phase=follow(incident.phase, Event.OBSERVE), phase_since_s=draft.at_s)
    draft.put(said)
    spend(draft, said, acts=1, cools=True)
    if playbook.guards.autonomy is Autonomy.SUGGEST:
        sentence = f"{playbook.name} suggests: {rung_text(incident, 0)}"
        draft.page(sentence, owner=said.id, to=playbook.owner, playbook=playbook.name)
        draft.record("suggested", sentence, incident=said)
    else:
        sentence = f"{playbook.name} would have acted (shadow): {rung_text(incident, 0)}"
        draft.record("shadowed", sentence, incident=said)


def _block(
    draft: Draft,
    playbook: Playbook,
    target: str | None,
    when: Evaluation,
    refused: tuple[Refused, ...],
) -> None:
    """Record the refusals when they are others than those recorded last."""
    keys = tuple(each.key for each in refused)
    watch = next(
        each
        for each in draft.state.watches
        if (each.playbook, each.target) == (playbook.name, target)
    )
    if watch.refusals == keys:
        return
    _put_watch(draft, replace(watch, refusals=keys))
    reasons = "; ".join(each.sentence for each in refused)
    said = f"{_named(playbook, target)} may not act now: {reasons}"
    if playbook.guards.autonomy is Autonomy.AUTO and _news(refused, watch):
        draft.page(said, owner=playbook.name, to=playbook.owner, playbook=playbook.name)
    draft.record(
        "blocked",
        said,
        conditions=when.seen,
        guards=tuple(each.as_refusal() for each in refused),
        playbook=(playbook.name, playbook.sha256, playbook.guards.autonomy.value),
    )


def _news(refused: tuple[Refused, ...], watch: Watch) -> bool:
    """Whether a guard that only a person can answer for stands in the way, and did not before."""
    return any(each.needs_a_person and each.key not in watch.refusals for each in refused)


def _losers(playbook: Playbook, later: list[_Wish]) -> tuple[Loser, ...]:
    return tuple(
        Loser(other.name, f"{playbook.name} goes first and they exclude each other")
        for other, _, _ in later
        if exclude_each_other(playbook, other)
    )


def _page_without_data(draft: Draft, config: Config, watch: Watch, observed: Observed) -> None:
    """`no_data: escalate`: a person once, after `for` plus one window."""
    when = observed.watches.get((watch.playbook, watch.target))
    if when is None or not when.overdue:
        return
    playbook = next(each for each in config.playbooks if each.name == watch.playbook)
    unknown = "; ".join(when.seen[place].sentence for place in when.overdue)
    message = f"{_named(playbook, watch.target)} cannot see: {unknown}"
    _put_watch(draft, replace(watch, timers=mark_paged(watch.timers, when.overdue)))
    draft.page(message, owner=playbook.name, to=playbook.owner, playbook=playbook.name)
    draft.record(
        "no_data",
        message,
        conditions=when.seen,
        playbook=(playbook.name, playbook.sha256, playbook.guards.autonomy.value),
    )


def _put_watch(draft: Draft, watch: Watch) -> None:
    draft.state = replace(
        draft.state,
        watches=tuple(
            watch if (each.playbook, each.target) == (watch.playbook, watch.target) else each
            for each in draft.state.watches
        ),
    )


def _named(playbook: Playbook, target: str | None) -> str:
    return playbook.name if target is None else f"{playbook.name} ({target})"


def _matched(when: Evaluation) -> list[str]:
    met = [seen.sentence for seen in when.seen if seen.met == Truth.MET.value]
    return met or [seen.sentence for seen in when.seen]

"""Reasons not to act now. A refusal is a value with a sentence; its key says when it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.core.actions import GROUPS, arms_of, claim_of, is_protective, work_of
from controller.core.blast_radius import beyond_reach
from controller.core.budgets import over_budget
from controller.core.claims import drained_share, drains_same_arm
from controller.core.draft import Draft, active_claims
from controller.core.head_room import onto_a_dead_arm, short_of_head_room
from controller.core.playbook import Move, Notify, Playbook, Route, Webhook
from controller.core.records import SeenCondition
from controller.core.refusal import Refused
from controller.core.state import INCIDENTS_LIMIT, Incident, JudgeState, Ledger
from controller.core.wording import duration

OSCILLATION_WINDOW_S = 3600.0
EXCLUDED = "excludes"


def refusals(
    draft: Draft, playbook: Playbook, target: str | None, *, assumed: bool
) -> tuple[Refused, ...]:
    """Every guard against opening an incident and acting on its first rung."""
    moves = playbook.rungs[0] if playbook.rungs else ()
    found = [
        frozen(draft.state, playbook.name),
        cooldown(draft, playbook, target),
        budget(draft, playbook),
        *excluded(draft.state, playbook),
        *rung_refusals(draft, playbook, 0, assumed=assumed),
        *over_budget(draft, moves),
        *beyond_safety(draft, moves),
        _crowded(draft.state),
    ]
    return tuple(each for each in found if each is not None)


def against_approved(draft: Draft, incident: Incident) -> tuple[Refused, ...]:
    """Every guard against what a person approved, but for the cooldown that asking started."""
    playbook = incident.playbook
    moves = playbook.rungs[0] if playbook.rungs else ()
    found = (
        frozen(draft.state, playbook.name, incident.id),
        budget(draft, playbook),
        *excluded(draft.state, playbook),
        *rung_refusals(draft, playbook, 0, assumed=incident.assumed),
        *over_budget(draft, moves),
        *beyond_safety(draft, moves),
    )
    return tuple(each for each in found if each is not None)


def beyond_safety(draft: Draft, moves: Sequence[Move]) -> tuple[Refused, ...]:
    """What no playbook and no approval may do: reach too far, or load an arm beyond its limit."""
    return (
        *beyond_reach(draft, moves),
        *onto_a_dead_arm(draft, moves),
        *short_of_head_room(draft, moves),
    )


def frozen(state: JudgeState, what: str, but_for: str = "") -> Refused | None:
    """Whether acting on a playbook (or ``promotions``) is frozen by another than ``but_for``."""
    for mark in state.freezes:
        if mark.what in ("all", what):
            left_s = None if mark.until_s is None else mark.until_s - state.at_s
            until = "until thawed" if left_s is None else f"for {duration(left_s)} more"
            because = f": {mark.why}" if mark.why else ""
            sentence = f"{mark.what} is frozen by {mark.who} {until}{because}"
            return Refused("freeze", f"freeze {mark.what} {mark.since_s:g}", sentence)
    for claim in active_claims(state):
        if claim.kind == "freeze" and claim.source in ("all", what) and claim.owner != but_for:
            sentence = f"{claim.source} is frozen by {claim.owner}"
            return Refused("freeze", f"freeze {claim.source} {claim.owner}", sentence)
    return None


def wait_for(
    draft: Draft,
    incident: Incident,
    what: str,
    refused: Refused,
    conditions: tuple[SeenCondition, ...],
) -> None:
    """An open incident may not do ``what`` now: say so once, page if only a person can help."""
    if incident.refusals == (refused.key,):
        return
    waiting = replace(incident, refusals=(refused.key,))
    said = f"{incident.id} may not {what} now: {refused.sentence}"
    draft.put(waiting)
    if refused.needs_a_person:
        playbook = incident.playbook
        draft.page(said, owner=incident.id, to=playbook.owner, playbook=playbook.name)
    draft.record(
        "blocked", said, incident=waiting, conditions=conditions, guards=(refused.as_refusal(),)
    )


def cooldown(draft: Draft, playbook: Playbook, target: str | None) -> Refused | None:
    """A playbook (per target) waits after it acted."""
    acted_at_s = draft.ledger(playbook.name).cooldown_from_s.get(target or "")
    if acted_at_s is None:
        return None
    left_s = acted_at_s + playbook.guards.cooldown_s - draft.at_s
    if left_s <= 0.0:
        return None
    sentence = (
        f"it acted {duration(draft.at_s - acted_at_s)} ago and its cooldown is "
        f"{duration(playbook.guards.cooldown_s)}: {duration(left_s)} more"
    )
    return Refused("cooldown", f"cooldown {acted_at_s:g}", sentence, lets_join=True)


def budget(draft: Draft, playbook: Playbook) -> Refused | None:
    """A rolling count of rungs acted on, over all targets."""
    guards = playbook.guards
    recent = recent_acts(draft.ledger(playbook.name), draft.at_s, guards.budget_per_s)
    if len(recent) < guards.budget_count:
        return None
    sentence = (
        f"{len(recent)} of {guards.budget_count} actions in {duration(guards.budget_per_s)} "
        "are spent"
    )
    return Refused("budget", f"budget {recent[0]:g}", sentence, lets_join=True)


def recent_acts(ledger: Ledger, at_s: float, per_s: float) -> tuple[float, ...]:
    return tuple(acted_s for acted_s in ledger.acts_at_s if acted_s > at_s - per_s)


def excluded(state: JudgeState, playbook: Playbook) -> tuple[Refused, ...]:
    """Open incidents that act on what this playbook excludes, or the other way round."""
    return tuple(
        Refused(
            EXCLUDED,
            f"excludes {each.id}",
            f"{each.id} is acting and they exclude each other",
            lets_join=True,
        )
        for each in state.incidents
        if each.enforced
        and each.rung >= 0
        and exclude_each_other(playbook, each.playbook)
        and not _goes_further(playbook, each)
    )


def _goes_further(playbook: Playbook, incident: Incident) -> bool:
    """Whether it drains the same arms to the same targets, only more: that is no fight."""
    held = [claim for claim in incident.claims if claim.kind == "route"]
    rung = playbook.rungs[0] if playbook.rungs else ()
    routes = [move.action for move in rung if isinstance(move.action, Route)]
    return bool(held) and all(
        any(
            (route.source, route.target, dict(route.where))
            == (claim.source, claim.target, dict(claim.where))
            and route.share > drained_share(claim)
            for route in routes
        )
        for claim in held
    )


def exclude_each_other(one: Playbook, other: Playbook) -> bool:
    return _excludes(one, other) or _excludes(other, one)


def _excludes(one: Playbook, other: Playbook) -> bool:
    names = {other.name, *(GROUPS[type(m.action)] for rung in other.rungs for m in rung)}
    return not names.isdisjoint(one.guards.excludes)


def is_in_plan(draft: Draft, playbook: Playbook) -> bool:
    """Whether the first rung's change is there already, so that the playbook may join."""
    moves = playbook.rungs[0] if playbook.rungs else ()
    more_than_notices = any(not isinstance(move.action, Notify | Webhook) for move in moves)
    return more_than_notices and all(_move_is_in_plan(draft, move) for move in moves)


def _move_is_in_plan(draft: Draft, move: Move) -> bool:
    if isinstance(move.action, Notify | Webhook):
        return True  # joining carries it out
    wanted = work_of(move.action)
    if wanted is not None:
        kind, arguments, _ = wanted
        return any(w.kind == kind and dict(w.arguments) == arguments for w in draft.state.wanted)
    claim = claim_of(move.action, "", 0, draft.at_s, 0, 0)
    if claim is None:
        return False
    for other in active_claims(draft.state):
        if claim.kind == "route":
            if (
                drains_same_arm(claim, other)
                and other.target == claim.target
                and drained_share(other) >= claim.share
            ):
                return True
        elif (other.kind, other.source, other.number) == (claim.kind, claim.source, claim.number):
            return True
    return False


def rung_refusals(
    draft: Draft, playbook: Playbook, rung: int, *, assumed: bool
) -> tuple[Refused, ...]:
    """Why this rung cannot be carried out at all."""
    if rung >= len(playbook.rungs):
        return (Refused("rungs", "rungs", "the playbook does nothing"),)
    found = []
    known = draft.baseline.arms
    moves = playbook.rungs[rung]
    for arm in sorted({arm for move in moves for arm in arms_of(move.action)}):
        if arm not in known:
            sentence = f"there is no arm {arm!r}; the arms are {', '.join(known)}"
            found.append(Refused("arms", f"arms {arm}", sentence))
    fallback = draft.settings.fallback_arm
    if assumed and not any(is_protective(move.action, fallback) for move in moves):
        sentence = "its conditions are unknown, and unknown only moves protective actions"
        found.append(Refused("no_data", "no_data", sentence))
    return tuple(found)


def _crowded(state: JudgeState) -> Refused | None:
    if len(state.incidents) < INCIDENTS_LIMIT:
        return None
    return Refused("incidents", "incidents", f"{INCIDENTS_LIMIT} incidents are open already")


def flips_spent(draft: Draft, playbook: Playbook) -> bool:
    """Whether one more flip would be more than the limit of the last hour."""
    flips = recent_flips(draft.ledger(playbook.name), draft.at_s)
    return len(flips) >= draft.settings.oscillation_limit


def recent_flips(ledger: Ledger, at_s: float) -> tuple[float, ...]:
    return tuple(s for s in ledger.flips_at_s if s > at_s - OSCILLATION_WINDOW_S)


def freeze_oscillation(draft: Draft, incident: Incident) -> None:
    """Freeze the playbook for the hour its flips are counted over, drained as it is, and page.

    It stays on the safe side, so a real fault behind the noise is already healed; after a quiet
    hour, or when a person thaws it, it may return.
    """
    name = incident.playbook.name
    limit = draft.settings.oscillation_limit
    why = f"traffic went back and forth {limit} times within {duration(OSCILLATION_WINDOW_S)}"
    draft.freeze(name, "the oscillation guard", draft.at_s + OSCILLATION_WINDOW_S, why)
    draft.page(
        f"{name} is frozen: {why}", owner=incident.id, to=incident.playbook.owner, playbook=name
    )
    draft.record("frozen", f"{name} is frozen where it stands: {why}", incident=incident)

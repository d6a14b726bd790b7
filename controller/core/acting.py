"""Carrying out one rung: its claims, its work and its approvals, in one plan revision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from controller.core.actions import (
    WORK_EXPIRES_S,
    action_text,
    claim_of,
    is_protective,
    work_of,
)
from controller.core.all_services import use
from controller.core.approvals import ask_for_action
from controller.core.budgets import charge
from controller.core.claims import Claim, drains_same_arm
from controller.core.conditions import Sight, Truth, evaluate
from controller.core.draft import Draft, active_claims
from controller.core.guards import flips_spent, freeze_oscillation
from controller.core.head_room import is_unknown
from controller.core.phases import Event, follow
from controller.core.plan import Work
from controller.core.playbook import (
    All,
    AnyOf,
    Comparison,
    Condition,
    Evaluate,
    Move,
    NoData,
    Not,
    Notify,
    Promote,
    Revert,
    Route,
    Webhook,
)
from controller.core.records import Loser, SeenCondition
from controller.core.state import Expectation, Incident
from controller.core.track_record import FIRED
from controller.core.widening import first_stage, is_partial
from controller.core.wording import expected_text, percent


@dataclass
class _Rung:
    """What a rung's moves came to."""

    work_count: int
    claims: list[Claim] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    moves: list[tuple[int, Move]] = field(default_factory=list)


def act(
    draft: Draft,
    incident: Incident,
    event: Event,
    rung: int,
    conditions: tuple[SeenCondition, ...],
    losers: tuple[Loser, ...] = (),
) -> Incident:
    """Put ``rung`` into the plan, record what was chosen and expected, and spend the budget."""
    done = _carry_out(draft, incident, rung)
    flips = any(_is_flip(draft, claim) for claim in done.claims)
    over_limit = flips and flips_spent(draft, incident.playbook)
    acted = replace(
        incident,
        phase=follow(incident.phase, event),
        phase_since_s=draft.at_s,
        rung=rung,
        acted_at_s=draft.at_s,
        acted_epoch=draft.epoch,
        acted_revision=draft.revision,
        adopted_at_s=None,
        claims=(*_not_replaced(incident, done.claims), *done.claims),
        widening=any(map(is_partial, done.claims)),
        expectations=_expectations(draft, done.moves),
        work_count=done.work_count,
        refusals=(),
    )
    draft.put(acted)
    spend(draft, acted, acts=1, flips=1 if flips else 0, cools=True)
    if rung == 0:
        draft.count(acted, FIRED)
    charge(draft, tuple(move for _, move in done.moves))
    use(draft, incident, rung)
    expected = expected_text(tuple(move for _, move in done.moves))
    expects = f", expecting {expected}" if expected else ""
    left_out = f"; left out: {', '.join(done.left_out)}" if done.left_out else ""
    draft.record(
        acted.phase.value,
        f"{incident.playbook.name} {' and '.join(done.texts)}{expects}{left_out}",
        incident=acted,
        conditions=conditions,
        losers=losers,
        expected=expected,
        details={"rung": rung + 1, "moves": done.texts, "left_out": done.left_out},
    )
    if over_limit:
        freeze_oscillation(draft, acted)
    return acted


def _not_replaced(incident: Incident, claims: list[Claim]) -> Iterator[Claim]:
    """All but moves that got stuck in their stages, of an arm that this rung drains elsewhere."""
    for held in incident.claims:
        if not (is_partial(held) and any(drains_same_arm(held, claim) for claim in claims)):
            yield held


def join(
    draft: Draft,
    incident: Incident,
    conditions: tuple[SeenCondition, ...],
    because: str,
) -> Incident:
    """Add a claim of its own to a change that is in the plan already, at no cost."""
    claims = tuple(
        claim
        for place, move in enumerate(incident.playbook.rungs[0])
        if (claim := _claim(draft, incident, move, 0, place)) is not None
    )
    notices = [m for m in incident.playbook.rungs[0] if isinstance(m.action, Notify | Webhook)]
    joined = replace(
        incident,
        phase=follow(incident.phase, Event.JOIN),
        phase_since_s=draft.at_s,
        rung=0,
        claims=claims,
        work_count=len(notices),
    )
    for count, notice in enumerate(notices, 1):
        _want(draft, joined, notice, count)
    draft.put(joined)
    draft.record(
        "joined",
        f"{incident.playbook.name} joins, its change is in the plan already ({because})",
        incident=joined,
        conditions=conditions,
    )
    return joined


def rung_text(incident: Incident, rung: int) -> str:
    """What a rung would do, for a person or for the shadow's record."""
    return " and ".join(action_text(move.action) for move in incident.playbook.rungs[rung])


def spend(
    draft: Draft, incident: Incident, *, acts: int = 0, flips: int = 0, cools: bool = False
) -> None:
    """Count against budget (``acts``) and oscillation limit (``flips``); start the cooldown."""
    ledger = draft.ledger(incident.playbook.name)
    since = dict(ledger.cooldown_from_s)
    if cools:
        since[incident.target or ""] = draft.at_s
    draft.put_ledger(
        replace(
            ledger,
            acts_at_s=ledger.acts_at_s + (draft.at_s,) * acts,
            flips_at_s=ledger.flips_at_s + (draft.at_s,) * flips,
            cooldown_from_s=dict(sorted(since.items())),
        )
    )


def _carry_out(draft: Draft, incident: Incident, rung: int) -> _Rung:
    done = _Rung(incident.work_count)
    fallback = draft.settings.fallback_arm
    for place, move in enumerate(incident.playbook.rungs[rung]):
        text = action_text(move.action)
        if incident.assumed and not is_protective(move.action, fallback):
            done.left_out.append(f"{text} (unknown only moves protective actions)")
            continue
        done.moves.append((place, move))
        claim = _claim(draft, incident, move, rung, place)
        if claim is not None:
            if isinstance(move.action, Route) and is_unknown(draft, move.action):
                claim = first_stage(claim)
                text += f", {percent(claim.granted)} of it first: its head-room is unknown"
            done.claims.append(claim)
        elif isinstance(move.action, Promote | Evaluate | Revert):
            refused = ask_for_action(draft, incident, move.action)
            if refused:
                done.left_out.append(f"{text} ({refused})")
                done.moves.pop()
                continue
        else:
            done.work_count += 1
            _want(draft, incident, move, done.work_count)
        done.texts.append(text)
    return done


def _claim(draft: Draft, incident: Incident, move: Move, rung: int, place: int) -> Claim | None:
    priority = incident.playbook.guards.priority
    return claim_of(move.action, incident.id, priority, draft.at_s, rung, place)


def _want(draft: Draft, incident: Incident, move: Move, count: int) -> None:
    wanted = work_of(move.action)
    if wanted is None:
        raise ValueError(f"{move.action} is neither a claim, an approval nor work")
    kind, arguments, then = wanted
    if kind == "notify" and not arguments["message"]:
        arguments["message"] = f"{incident.playbook.name}: {incident.playbook.why}"
    draft.want(
        Work(
            id=f"{incident.id}-{kind}-{count}",
            kind=kind,
            arguments=arguments,
            owner=incident.id,
            playbook=incident.playbook.name,
            decided_at_s=draft.at_s,
            expires_at_s=draft.at_s + WORK_EXPIRES_S[kind],
            then=then,
        )
    )


def _is_flip(draft: Draft, claim: Claim) -> bool:
    """Whether the route changes where traffic goes: nothing drains that arm yet."""
    return claim.kind == "route" and not any(
        drains_same_arm(claim, other) for other in active_claims(draft.state)
    )


def _expectations(draft: Draft, moves: list[tuple[int, Move]]) -> tuple[Expectation, ...]:
    """What is expected of the rung, and whether it was true before anything was done."""
    found = []
    for place, move in moves:
        if move.expect is not None:
            now = evaluate(without_spans(move.expect), (), sight_now(draft))
            found.append(Expectation(place, now.truth is Truth.MET))
    return tuple(found)


def sight_now(draft: Draft) -> Sight:
    """This tick alone, whatever was before; nothing unknown counts as met."""
    return Sight(draft.readings, draft.settings, None, NoData.HOLD, may_assume=False)


def without_spans(condition: Condition) -> Condition:
    """The condition as of one tick: nothing has to have held for a time."""
    match condition:
        case Comparison():
            return replace(condition, for_s=0.0, for_ticks=0, times=0)
        case Not():
            return Not(without_spans(condition.condition))
        case All():
            return All(tuple(without_spans(each) for each in condition.conditions))
        case AnyOf():
            return AnyOf(tuple(without_spans(each) for each in condition.conditions))

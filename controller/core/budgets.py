"""Rolling budgets of the whole service: over all actions, per class, per target; and the storm.

They are part of the judge's state, so they survive restarts and a change of leader. Freezes,
notices and webhooks cost nothing: people are told also when automation has spent everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from controller.core.actions import BUDGET_CLASSES, PEOPLE, target_of
from controller.core.draft import Draft
from controller.core.limits import Limits, Rate
from controller.core.playbook import Move, Playbook
from controller.core.records import Refusal
from controller.core.refusal import Refused
from controller.core.state import JudgeState
from controller.core.wording import duration

EVERYTHING = "actions"
STORM = "storm"
STORM_BRAKE = "the storm brake"


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left of one budget. ``free_at_s``: when the oldest act falls out of it."""

    name: str
    rate: Rate
    used: int
    free_at_s: float | None


def balances(state: JudgeState, limits: Limits, at_s: float) -> tuple[Balance, ...]:
    """Every budget of the service that exists, the ones of targets as far as they were used."""
    names = [EVERYTHING, *(f"class {name}" for name in limits.per_class)]
    names += sorted(name for name in state.spent if name.startswith("target "))
    return tuple(_balance(state, name, _rate(limits, name), at_s) for name in (*names, STORM))


def over_budget(draft: Draft, moves: Sequence[Move]) -> tuple[Refused, ...]:
    """The budgets that do not pay for all of these moves at once."""
    limits = draft.settings.limits
    found = []
    for name, cost in _costs(moves):
        balance = _balance(draft.state, name, _rate(limits, name), draft.at_s)
        if balance.used + cost > balance.rate.count:
            found.append(_refused(balance, cost))
    return tuple(found)


def charge(draft: Draft, moves: Sequence[Move]) -> None:
    """Book what was just done."""
    spent = dict(draft.state.spent)
    for name, cost in _costs(moves):
        spent[name] = (*spent.get(name, ()), *(draft.at_s,) * cost)
    _keep(draft, spent)


def cost_of(moves: Sequence[Move]) -> int:
    """In actions, as budgets count them."""
    return sum(1 for move in moves if _names(move))


def brake_a_storm(draft: Draft, playbook: Playbook) -> None:
    """One more incident acts; too many freeze everything where it stands, and page."""
    if not any(_names(move) for move in playbook.rungs[0]):
        return
    spent = dict(draft.state.spent)
    spent[STORM] = (*spent.get(STORM, ()), draft.at_s)
    _keep(draft, spent)
    rate = draft.settings.limits.storm
    balance = _balance(draft.state, STORM, rate, draft.at_s)
    braked = any(mark.who == STORM_BRAKE for mark in draft.state.freezes)
    if balance.used <= rate.count or braked:
        return
    why = f"{balance.used} incidents opened within {duration(rate.per_s)}"
    draft.freeze("all", STORM_BRAKE, draft.at_s + rate.per_s, why)
    said = f"all automation is frozen for {duration(rate.per_s)}: {why}"
    draft.page(said, owner=STORM_BRAKE, to="operators")
    draft.record("frozen", said, guards=(Refusal(STORM, why),))


def _costs(moves: Sequence[Move]) -> Iterator[tuple[str, int]]:
    names = sorted(name for move in moves for name in _names(move))
    for name, each in groupby(names):
        yield name, len(list(each))


def _names(move: Move) -> tuple[str, ...]:
    budget_class = BUDGET_CLASSES[type(move.action)]
    if budget_class == PEOPLE:
        return ()
    return (EVERYTHING, f"class {budget_class}", f"target {target_of(move.action)}")


def _rate(limits: Limits, name: str) -> Rate:
    if name == EVERYTHING:
        return limits.actions
    if name == STORM:
        return limits.storm
    kind, _, of = name.partition(" ")
    return limits.per_target if kind == "target" else limits.per_class.get(of, limits.actions)


def _balance(state: JudgeState, name: str, rate: Rate, at_s: float) -> Balance:
    recent = [each for each in state.spent.get(name, ()) if each > at_s - rate.per_s]
    return Balance(name, rate, len(recent), recent[0] + rate.per_s if recent else None)


def _refused(balance: Balance, cost: int) -> Refused:
    rate = balance.rate
    more = f" and this needs {cost}" if cost > 1 else ""
    said = (
        f"the service has spent {balance.used} of {rate.count} {_what(balance.name)} "
        f"in {duration(rate.per_s)}{more}"
    )
    key = f"{balance.name} {balance.free_at_s or 0.0:g}"
    return Refused("service budget", key, said, lets_join=True, needs_a_person=True)


def _what(name: str) -> str:
    kind, _, of = name.partition(" ")
    return {"class": f"actions of class {of}", "target": f"actions on {of}"}.get(kind, "actions")


def _keep(draft: Draft, spent: dict[str, tuple[float, ...]]) -> None:
    """Only what can still count, so that the state stays bounded."""
    limits = draft.settings.limits
    kept = {}
    for name in sorted(spent):
        rate = _rate(limits, name)
        recent = tuple(each for each in spent[name] if each > draft.at_s - rate.per_s)
        if recent:
            kept[name] = recent[-(rate.count + 1) :]
    draft.state = replace(draft.state, spent=kept)

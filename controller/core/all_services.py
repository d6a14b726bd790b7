"""One cap on the automated actions of several services together, kept by the store they share.

The judge cannot know what others spend, so it asks: it writes down what it wants to do, the shell
has the store reserve it, and the answer is a fact of the next tick. What is granted and not used
is lost to everybody until it falls out of the span: the cap errs on the safe side.
"""

from __future__ import annotations

from dataclasses import replace

from controller.core.budgets import cost_of
from controller.core.draft import Draft
from controller.core.facts import Allowance
from controller.core.guards import exclude_each_other
from controller.core.limits import Cap
from controller.core.playbook import Autonomy, Playbook
from controller.core.refusal import Refused
from controller.core.state import Asked, Incident, JudgeState
from controller.core.wording import duration

GUARD = "global budget"
HOLD_S = 30.0
"""A grant that is not used for so long is dropped, and so is a question nobody wants answered."""
ANSWER_WITHIN_S = 10.0
"""Without the store's word for so long, a person is told."""
ASKED_LIMIT = 32


class NotYet(Exception):
    """The next rung waits for the store's word. The step is taken back and tried again."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.sentence)
        self.refused = refused


def against_cap(draft: Draft, playbook: Playbook, target: str | None, rung: int) -> Refused | None:
    """None when all services together have this rung to spare; the question is asked on the way."""
    cap = draft.settings.limits.all_services
    cost = cost_of(playbook.rungs[rung])
    if cap is None or cost == 0:
        return None
    if cost > cap.rate.count:
        said = f"it needs {cost} actions, all services together have {_rate(cap)}"
        return Refused(GUARD, f"{GUARD} {cost}", said, lets_join=True, needs_a_person=True)
    asked = _find(draft.state, playbook.name, target, rung)
    if asked is not None and asked.cost == cost and _is_granted(asked):
        return None
    if asked is None or asked.cost != cost:
        if len(draft.state.asked) >= ASKED_LIMIT:
            return _refused("asking", f"{ASKED_LIMIT} questions to {cap.name} are open already")
        place = f"{playbook.name}/{target or ''}/{rung}"
        key = f"{place}/{draft.epoch}/{round(draft.at_s * 1000)}"
        asked = Asked(key, playbook.name, target, rung, cost, draft.at_s, draft.at_s)
    elif not asked.waiting and draft.at_s >= _free_at_s(asked):
        asked = replace(asked, asked_at_s=draft.at_s, waiting=True)
    _put(draft, replace(asked, wanted_at_s=draft.at_s))
    return _why_not(draft, cap, asked)


def against_first(draft: Draft, playbook: Playbook, target: str | None) -> tuple[Refused, ...]:
    """For who opens an incident and no other guard stands in the way: a question may cost.

    A playbook that does not act by itself asks nothing; what a person approves is that person's.
    """
    if playbook.guards.autonomy is not Autonomy.AUTO:
        return ()
    refused = _goes_first(draft, playbook) or against_cap(draft, playbook, target, 0)
    return () if refused is None else (refused,)


def is_asked(state: JudgeState, playbook: str, target: str | None) -> bool:
    """Whether its first rung was put to the cap and not paid yet."""
    return _find(state, playbook, target, 0) is not None


def against_next(draft: Draft, incident: Incident, rung: int) -> tuple[Refused, ...]:
    """The same for a later rung. Raise NotYet while the store has not answered."""
    refused = against_cap(draft, incident.playbook, incident.target, rung)
    if refused is None:
        return ()
    if not refused.needs_a_person:
        raise NotYet(refused)
    return (refused,)


def wait(draft: Draft, incident: Incident, refused: Refused) -> None:
    """Ask for the next rung, and record once that it waits; the incident stays where it is."""
    against_cap(draft, incident.playbook, incident.target, incident.rung + 1)
    if incident.refusals == (refused.key,):
        return
    waiting = replace(incident, refusals=(refused.key,))
    draft.put(waiting)
    said = f"{incident.id}: the next rung waits: {refused.sentence}"
    draft.record("blocked", said, incident=waiting, guards=(refused.as_refusal(),))


def use(draft: Draft, incident: Incident, rung: int) -> None:
    """The rung acts: what was granted for it is used up."""
    asked = _find(draft.state, incident.playbook.name, incident.target, rung)
    if asked is not None:
        left = tuple(each for each in draft.state.asked if each.key != asked.key)
        draft.state = replace(draft.state, asked=left)


def forget_unwanted(draft: Draft) -> None:
    """Drop what nobody wanted lately; a grant counts from when it was wanted last, too."""
    hold_s = max(HOLD_S, 2 * draft.settings.tick_s)
    kept = tuple(e for e in draft.state.asked if draft.at_s - e.wanted_at_s <= hold_s)
    if kept != draft.state.asked:
        draft.state = replace(draft.state, asked=kept)


def hear(state: JudgeState, fact: Allowance) -> JudgeState:
    """Keep the store's word. What was not asked (any more) is only shown."""
    asked = tuple(
        replace(each, waiting=False, answer=fact) if each.key == fact.key and each.waiting else each
        for each in state.asked
    )
    return replace(state, at_s=fact.at_s, asked=asked, allowance=fact)


def _goes_first(draft: Draft, playbook: Playbook) -> Refused | None:
    """Who asked at this tick and excludes it: one of the two grants would be lost."""
    config = draft.state.config
    books = {each.name: each for each in config.playbooks} if config is not None else {}
    for asked in draft.state.asked:
        is_spent = asked.answer is not None and not asked.answer.granted
        if asked.wanted_at_s != draft.at_s or asked.rung > 0 or is_spent:
            continue
        other = books.get(asked.playbook)
        if other is None or other.name == playbook.name:
            continue
        if exclude_each_other(playbook, other):
            said = f"{other.name} asks all services first and they exclude each other"
            return _refused(f"after {other.name}", said)
    return None


def _why_not(draft: Draft, cap: Cap, asked: Asked) -> Refused:
    unheard_s = draft.at_s - asked.asked_at_s
    if asked.waiting and unheard_s >= ANSWER_WITHIN_S:
        said = (
            f"the store has not said for {duration(ANSWER_WITHIN_S)} what all services together "
            f"({cap.name}) have left"
        )
        return _refused("unheard", said, needs_a_person=True)
    answer = asked.answer
    if answer is None:
        return _refused("asking", f"asking what all services together ({cap.name}) have left")
    free_in_s = max(0.0, answer.free_at_s - draft.at_s)
    more = f" and this needs {asked.cost}" if asked.cost > 1 else ""
    said = (
        f"all services together ({cap.name}) have spent {answer.used} of {answer.count} actions "
        f"in {duration(answer.per_s)}{more}; next free in {duration(free_in_s)}"
    )
    return _refused("spent", said, needs_a_person=True)


def _refused(how: str, sentence: str, *, needs_a_person: bool = False) -> Refused:
    key = f"{GUARD} {how}"
    return Refused(GUARD, key, sentence, lets_join=True, needs_a_person=needs_a_person)


def _rate(cap: Cap) -> str:
    return f"{cap.rate.count} in {duration(cap.rate.per_s)} ({cap.name})"


def _find(state: JudgeState, playbook: str, target: str | None, rung: int) -> Asked | None:
    place = (playbook, target, rung)
    return next((e for e in state.asked if (e.playbook, e.target, e.rung) == place), None)


def _put(draft: Draft, asked: Asked) -> None:
    place = (asked.playbook, asked.target, asked.rung)
    others = (e for e in draft.state.asked if (e.playbook, e.target, e.rung) != place)
    draft.state = replace(draft.state, asked=(*others, asked))


def _is_granted(asked: Asked) -> bool:
    return asked.answer is not None and asked.answer.granted


def _free_at_s(asked: Asked) -> float:
    return asked.answer.free_at_s if asked.answer is not None else 0.0

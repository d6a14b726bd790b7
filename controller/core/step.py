"""The judge is one pure function: a state and a fact give a state, a plan and records.

One commit is in flight at a time. Until its fate is known, ticks only update timers, and what
people and workers say waits in the inbox of the state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from controller.core.all_services import hear
from controller.core.binding import bind_condition, targets_of
from controller.core.conditions import comparisons, key_of
from controller.core.draft import Draft
from controller.core.explaining import bounded
from controller.core.facts import (
    Allowance,
    Change,
    Elected,
    Explained,
    Fact,
    Fate,
    Loaded,
    Operator,
    Tick,
    WorkDone,
)
from controller.core.judging import judge
from controller.core.leading import lead, learn_fate
from controller.core.observing import observe
from controller.core.plan import Plan
from controller.core.playbook import Condition, Playbook
from controller.core.readings import SignalKey
from controller.core.records import Record
from controller.core.settings import JudgeSettings, settings_from_document
from controller.core.state import INBOX_LIMIT, Config, JudgeState


@dataclass(frozen=True, slots=True)
class Stepped:
    """``plan`` is there exactly when ``records`` is not empty: together they are one commit.

    ``plan.head`` is empty; the shell seals the records and fills it.
    """

    state: JudgeState
    plan: Plan | None
    records: tuple[Record, ...]


def initial_state() -> JudgeState:
    """Nothing loaded, not leading."""
    return JudgeState()


def step(state: JudgeState, fact: Fact) -> Stepped:
    """Judge one fact. Same state and fact, same bytes.

    Raise ValueError for an `Elected` that comes before any `Loaded` or carries a state of an
    unknown format: mistakes of the shell.
    """
    match fact:
        case Tick():
            return _tick(state, fact)
        case Elected():
            return _committed(lead(state, fact))
        case Fate():
            return Stepped(learn_fate(state, fact), None, ())
        case Loaded():
            settings = settings_from_document(fact.settings)
            config = Config(fact.playbooks, settings, fact.code, fact.bundle)
            return Stepped(replace(state, config=config, at_s=fact.at_s), None, ())
        case Operator() | WorkDone():
            return Stepped(_keep(state, fact), None, ())
        case Explained():
            return Stepped(_keep(state, bounded(fact)), None, ())
        case Allowance():
            return Stepped(hear(state, fact), None, ())
        case Change():
            return Stepped(replace(state, at_s=fact.at_s), None, ())


def named_signals(playbooks: tuple[Playbook, ...], settings: JudgeSettings) -> frozenset[SignalKey]:
    """Every reading the playbooks' conditions name, for every value of their `for_each`."""
    return frozenset(
        key_of(leaf.quantity, settings)
        for playbook in playbooks
        for target in targets_of(playbook, settings)
        for condition in _conditions(playbook)
        for leaf in comparisons(bind_condition(condition, playbook.for_each, target))
    )


def watched_signals(state: JudgeState) -> frozenset[SignalKey]:
    """What is loaded names, and what open incidents name under the text they opened with."""
    if state.config is None:
        return frozenset()
    settings = state.config.settings
    loaded = named_signals(state.config.playbooks, settings)
    opened = frozenset(
        key_of(leaf.quantity, settings)
        for incident in state.incidents
        for condition in _conditions(incident.playbook)
        for leaf in comparisons(condition)
    )
    return loaded | opened


def _tick(state: JudgeState, tick: Tick) -> Stepped:
    if not state.leading or state.config is None:
        return Stepped(replace(state, at_s=tick.at_s, last_tick_s=tick.at_s), None, ())
    moved, observed = observe(state, state.config, tick)
    if state.in_flight:
        return Stepped(moved, None, ())
    return _committed(judge(moved, state.config, tick, observed))


def _committed(draft: Draft) -> Stepped:
    return Stepped(*draft.finish())


def _keep(state: JudgeState, fact: Operator | WorkDone | Explained) -> JudgeState:
    """Kept for the next tick that may answer. What people and workers say is repeated until it is
    answered, so what a full inbox or another leader leaves out comes again; an explanation that
    is left out is lost, which changes no decision."""
    if not state.leading or len(state.inbox) >= INBOX_LIMIT or _is_known(state, fact):
        return replace(state, at_s=fact.at_s)
    return replace(state, at_s=fact.at_s, inbox=(*state.inbox, fact))


def _is_known(state: JudgeState, fact: Operator | WorkDone | Explained) -> bool:
    if isinstance(fact, Explained):
        wanting = any(e.id == fact.incident and not e.explained for e in state.incidents)
        waiting = any(
            isinstance(each, Explained) and each.incident == fact.incident for each in state.inbox
        )
        return waiting or not wanting
    if isinstance(fact, Operator):
        waiting = any(
            isinstance(each, Operator) and each.command_id == fact.command_id
            for each in state.inbox
        )
        return waiting or fact.command_id in state.commands
    wanted = any(work.id == fact.work_id for work in state.wanted)
    waiting = any(
        isinstance(each, WorkDone) and each.work_id == fact.work_id for each in state.inbox
    )
    return waiting or not wanted


def _conditions(playbook: Playbook) -> Iterator[Condition]:
    yield playbook.when
    yield playbook.clear_when
    for rung in playbook.rungs:
        for move in rung:
            if move.expect is not None:
                yield move.expect

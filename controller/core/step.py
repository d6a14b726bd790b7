"""The judge is one pure function: a state and a fact give a state, a plan and records."""

from __future__ import annotations

from dataclasses import dataclass

from controller.core.facts import Fact
from controller.core.plan import Plan
from controller.core.playbook import Playbook
from controller.core.readings import SignalKey
from controller.core.records import Record
from controller.core.settings import JudgeSettings
from controller.core.state import JudgeState


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
    """Judge one fact."""
    raise NotImplementedError


def named_signals(
    playbooks: tuple[Playbook, ...], settings: JudgeSettings
) -> frozenset[SignalKey]:
    """Every reading the playbooks' conditions name."""
    raise NotImplementedError

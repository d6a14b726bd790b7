"""Runs one test: the judge's own `step`, tick by tick, with a pretend shell, routers and workers.

Every commit is published at once. Routers hold it after `adoption`. The world is open: what the
series show does not depend on what the plan says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.core.facts import Elected, Fact, Fate, Loaded, Operator, Tick, WorkDone
from controller.core.observing import Observed, observe
from controller.core.plan import Plan, Work
from controller.core.readings import (
    PLAN_ADOPTED_EPOCH,
    PLAN_ADOPTED_REVISION,
    Reading,
    Readings,
    ReadingState,
)
from controller.core.records import Record
from controller.core.settings import JudgeSettings, settings_to_document
from controller.core.state import JudgeState, state_to_document
from controller.core.step import initial_state, step
from controller.rehearsal.model import Answer, Command, Rehearsal
from controller.rehearsal.service import Service
from controller.rehearsal.signals import Signals

HOLDER = "the test"
COMMAND_EXPIRES_S = 60.0
EPSILON_S = 1e-9


@dataclass(frozen=True, slots=True)
class Happened:
    """One record, the plan it was committed with, and what people were told by it."""

    at_s: float
    record: Record
    plan: Plan
    pages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """One tick as the judge saw it, before it decided."""

    at_s: float
    observed: Observed
    state: JudgeState


@dataclass(frozen=True, slots=True)
class Run:
    """``sight`` is there when it was asked for."""

    happened: tuple[Happened, ...]
    sight: Sight | None = None


def run(rehearsal: Rehearsal, service: Service, *, look_at_s: float | None = None) -> Run:
    """The whole test, or up to the first tick at or after ``look_at_s``, with the sight of it."""
    world = _World(rehearsal, service)
    ticks = round(rehearsal.ends_at_s / rehearsal.tick_s)
    for count in range(ticks + 1):
        at_s = round(count * rehearsal.tick_s, 6)
        if look_at_s is not None and at_s >= look_at_s - EPSILON_S and world.leads_at(at_s):
            return Run(tuple(world.happened), world.look(at_s))
        world.tick(at_s)
    return Run(tuple(world.happened))


class _World:
    def __init__(self, rehearsal: Rehearsal, service: Service) -> None:
        self.happened: list[Happened] = []
        self._rehearsal = rehearsal
        self._signals = Signals(rehearsal, service)
        self._state = initial_state()
        self._stored: Mapping[str, Any] | None = None
        self._plans: list[tuple[float, Plan]] = []
        self._commands = list(enumerate(sorted(rehearsal.operator, key=lambda c: c.at_s)))
        self._restarts = list(rehearsal.restarts)
        self._answers: dict[str, list[Answer]] = {}
        for answer in rehearsal.work:
            self._answers.setdefault(answer.kind, []).append(answer)
        self._due: dict[str, tuple[float, Work, Answer]] = {}
        self._asked: set[str] = set()
        self._paged: set[str] = set()
        self._seq = 0
        self._epoch = 1
        document = settings_to_document(_at_pace(service.settings, rehearsal.tick_s))
        self._feed(Loaded(self._next(), 0.0, service.playbooks, document, "a test"), 0.0)
        self._elect(0.0)

    def leads_at(self, at_s: float) -> bool:
        """Whether a tick comes then: nobody judges while the controller is down."""
        down = [r for r in self._restarts if r.at_s - EPSILON_S <= at_s]
        return not (down and at_s < down[0].at_s + down[0].lasts_s - EPSILON_S)

    def look(self, at_s: float) -> Sight:
        fact = self._begin(at_s)
        assert self._state.config is not None
        _, observed = observe(self._state, self._state.config, fact)
        return Sight(at_s, observed, self._state)

    def tick(self, at_s: float) -> None:
        if self.leads_at(at_s):
            self._feed(self._begin(at_s), at_s)
        else:
            self._signals.at(at_s)  # the world goes on without a controller

    def _begin(self, at_s: float) -> Tick:
        """Everything that comes before the tick, and the tick."""
        if self._restarts and self._restarts[0].at_s <= at_s + EPSILON_S:
            self._restarts.pop(0)
            self._epoch += 1
            self._elect(at_s)
        self._say(at_s)
        return Tick(self._next(), at_s, self._readings(at_s))

    def _elect(self, at_s: float) -> None:
        self._feed(Elected(self._next(), at_s, self._epoch, HOLDER, self._stored, "head"), at_s)

    def _say(self, at_s: float) -> None:
        """What people and workers say by now; the tick that comes answers it."""
        while self._commands and self._commands[0][1].at_s <= at_s + EPSILON_S:
            place, command = self._commands.pop(0)
            target = command.target or self._oldest(command)
            expires_s = at_s + COMMAND_EXPIRES_S
            said = Operator(
                self._next(),
                at_s,
                f"command-{place + 1}",
                command.who,
                command.verb,
                target,
                expires_s,
            )
            self._feed(said, at_s)
        for id_, (due_s, work, answer) in sorted(self._due.items()):
            if due_s <= at_s + EPSILON_S:
                del self._due[id_]
                done = WorkDone(
                    self._next(), at_s, id_, work.kind, answer.status, answer.detail, answer.version
                )
                self._feed(done, at_s)

    def _oldest(self, command: Command) -> str:
        state = self._state
        if command.verb in ("approve", "reject"):
            waiting = [each.id for each in state.approvals]
        elif command.verb == "release":
            waiting = [claim.owner for claim in state.overrides]
        else:
            waiting = [each.id for each in state.incidents]
        return waiting[0] if waiting else "none"

    def _readings(self, at_s: float) -> Readings:
        readings = self._signals.at(at_s)
        takes_s = self._rehearsal.adoption_s
        if takes_s is not None:
            held = [p for since_s, p in self._plans if since_s + takes_s <= at_s + EPSILON_S]
            if held:
                for key, number in (
                    (PLAN_ADOPTED_EPOCH, held[-1].epoch),
                    (PLAN_ADOPTED_REVISION, held[-1].revision),
                ):
                    readings[key] = Reading(float(number), ReadingState.OK, 1, at_s, at_s)
        return readings

    def _feed(self, fact: Fact, at_s: float) -> None:
        stepped = step(self._state, fact)
        self._state = stepped.state
        if stepped.plan is None:
            return
        if self._restarts:  # nobody else asks for it
            self._stored = state_to_document(stepped.state)
        self._plans.append((at_s, stepped.plan))
        pages = self._new_pages(stepped.plan)
        self.happened += _with_pages(at_s, stepped.records, stepped.plan, pages)
        self._plan_answers(at_s, stepped.plan)
        self._feed(Fate(self._next(), at_s, "published", "head"), at_s)

    def _plan_answers(self, at_s: float, plan: Plan) -> None:
        for work in plan.wanted:
            if work.id in self._asked:
                continue
            self._asked.add(work.id)
            answers = self._answers.get(work.kind)
            if answers and work.id not in self._paged:
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                self._due[work.id] = (at_s + answer.after_s, work, answer)

    def _new_pages(self, plan: Plan) -> list[Work]:
        new = [
            work
            for work in plan.wanted
            if work.arguments.get("channel") == "page" and work.id not in self._paged
        ]
        self._paged |= {work.id for work in new}
        return new

    def _next(self) -> int:
        self._seq += 1
        return self._seq


def _at_pace(settings: JudgeSettings, tick_s: float) -> JudgeSettings:
    """Gaps are counted in the test's ticks, and routers get two of them to take a plan.

    There are no other services, so there is nothing to ask of a cap on them all.
    """
    timeout_s = max(settings.adoption_timeout_s, 2 * tick_s)
    alone = replace(settings.limits, all_services=None)
    return replace(settings, tick_s=tick_s, adoption_timeout_s=timeout_s, limits=alone)


def _with_pages(
    at_s: float, records: tuple[Record, ...], plan: Plan, pages: list[Work]
) -> list[Happened]:
    """Each page beside the last record of its incident or playbook, else beside the last."""
    told: dict[int, list[str]] = {}
    for page in pages:
        owned = [
            place
            for place, record in enumerate(records)
            if page.owner in (record.incident, record.playbook)
        ]
        place = owned[-1] if owned else len(records) - 1
        told.setdefault(place, []).append(str(page.arguments["message"]))
    return [
        Happened(at_s, record, plan, tuple(told.get(place, ())))
        for place, record in enumerate(records)
    ]

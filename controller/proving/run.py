"""Driving the judge itself through a stretch of time in which nothing new goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from controller.core.facts import Elected, Fate, Loaded, Tick
from controller.core.phases import Phase
from controller.core.plan import Plan
from controller.core.playbook import Playbook
from controller.core.readings import SignalKey
from controller.core.records import Record
from controller.core.settings import JudgeSettings, settings_to_document
from controller.core.state import JudgeState
from controller.core.step import initial_state, step
from controller.core.timers import RESTING
from controller.proving.cells import Cell, cells_of
from controller.proving.world import TICK_S, Disturbance, readings, shown

LONGEST_TICKS = 240
"""Two hours: the longest a stretch is followed, quiet or not."""
QUIET_CAP_S = 1_800.0
SETTLED_TICKS = 3
START_S = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The judge between two stretches. ``wrong`` is what was wrong until now."""

    state: JudgeState
    plan: Plan
    at_s: float
    wrong: frozenset[Disturbance] = frozenset()


@dataclass(frozen=True, slots=True)
class Commit:
    """What one tick decided."""

    at_s: float
    records: tuple[Record, ...]
    plan: Plan


@dataclass(frozen=True, slots=True)
class Stretch:
    """``wrong`` held from ``before`` on, until the judge had nothing more to do about it."""

    before: Moment
    wrong: frozenset[Disturbance]
    commits: tuple[Commit, ...]
    after: Moment
    ticks: int
    ran_out: bool
    """It was still deciding when the time was up."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A set of playbooks under settings, and what of the world it looks at."""

    playbooks: tuple[Playbook, ...]
    settings: JudgeSettings
    cells: Mapping[SignalKey, Cell]
    quiet_ticks: int


def subject_of(playbooks: Iterable[Playbook], settings: JudgeSettings) -> Subject:
    """The set on a clock of half-minute ticks, with no other service to share a cap with."""
    books = tuple(playbooks)
    slow = replace(
        settings,
        tick_s=TICK_S,
        adoption_timeout_s=max(settings.adoption_timeout_s, 2 * TICK_S),
        limits=replace(settings.limits, all_services=None),
    )
    spans_s = [settings.approval_expires_s if _asks(book) else 0.0 for book in books]
    for book in books:
        spans_s.append(book.guards.cooldown_s)
        spans_s += [move.within_s for rung in book.rungs for move in rung]
    longest_s = max((span for span in spans_s if span <= QUIET_CAP_S), default=0.0)
    return Subject(books, slow, cells_of(books, slow), int(longest_s / TICK_S) + 4)


def begin(subject: Subject) -> Moment:
    """Everything is well and the set has just been loaded."""
    document = settings_to_document(subject.settings)
    loaded = step(initial_state(), Loaded(1, START_S, subject.playbooks, document, "proof"))
    led = step(loaded.state, Elected(2, START_S, 1, "proof", None, ""))
    if led.plan is None:
        raise RuntimeError("an election is a commit, and this one was none")
    return Moment(_published(led.state, START_S), led.plan, START_S)


def follow(subject: Subject, before: Moment, wrong: frozenset[Disturbance]) -> Stretch:
    """Let ``wrong`` be wrong until nothing more is decided."""
    state, plan, at_s = before.state, before.plan, before.at_s
    commits: list[Commit] = []
    said = shown(plan, subject.cells, wrong, subject.settings)
    quiet = ticks = 0
    while ticks < LONGEST_TICKS and not _is_over(subject, state, quiet, at_s):
        at_s += TICK_S
        ticks += 1
        stepped = step(state, Tick(ticks, at_s, readings(at_s, said)))
        state = stepped.state
        quiet += 1
        if stepped.plan is not None:
            plan, quiet = stepped.plan, 0
            said = shown(plan, subject.cells, wrong, subject.settings)
            commits.append(Commit(at_s, stepped.records, plan))
            state = _published(state, at_s)
    after = Moment(state, plan, at_s, wrong)
    return Stretch(before, wrong, tuple(commits), after, ticks, ticks >= LONGEST_TICKS)


def _published(state: JudgeState, at_s: float) -> JudgeState:
    return step(state, Fate(0, at_s, "published", "head")).state


def _is_over(subject: Subject, state: JudgeState, quiet: int, at_s: float) -> bool:
    """Nothing was decided for long, or nothing runs that could ever lead to a decision."""
    if _is_waiting(state, at_s):
        return False
    return quiet >= subject.quiet_ticks or (quiet >= SETTLED_TICKS and _is_still(state))


def _is_still(state: JudgeState) -> bool:
    """No timer runs towards opening or clearing, and every open incident just holds."""
    timers = [timer for watch in state.watches for timer in watch.timers]
    timers += [timer for incident in state.incidents for timer in incident.clear_timers]
    return (
        all(timer == RESTING for timer in timers)
        and all(i.phase in (Phase.HOLDING, Phase.ESCALATED) for i in state.incidents)
        and not any(incident.widening for incident in state.incidents)
        and not state.approvals
    )


def _is_waiting(state: JudgeState, at_s: float) -> bool:
    """For a freeze or a claim that runs out; what comes of it is decided only then."""
    ends = [mark.until_s for mark in state.freezes]
    ends += [claim.until_s for incident in state.incidents for claim in incident.claims]
    return any(until_s is not None and until_s > at_s for until_s in ends)


def _asks(playbook: Playbook) -> bool:
    return playbook.guards.autonomy.value == "approve"

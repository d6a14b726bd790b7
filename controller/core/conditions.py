"""Three-valued (Kleene) evaluation of a condition over readings, with its `for` timers.

Idle readings are met in neither polarity, also under `not`; what is missing is unknown. The
timers live in the judge's state, one per comparison in reading order.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from controller.core.by_id import ById
from controller.core.playbook import All, AnyOf, Comparison, Condition, NoData, Not, Quantity
from controller.core.readings import Reading, Readings, ReadingState, SignalKey
from controller.core.records import SeenCondition
from controller.core.settings import JudgeSettings
from controller.core.timers import (
    RESTING,
    TOLERANCE,
    Timer,
    Truth,
    advance,
    assumed_met,
    so_far,
    span_s,
    strictly_met,
)
from controller.core.wording import comparison_sentence

__all__ = [
    "GAP_TICKS",
    "TOLERANCE",
    "Evaluation",
    "Look",
    "Sight",
    "Timer",
    "Truth",
    "comparisons",
    "evaluate",
    "key_of",
    "mark_paged",
]

GAP_TICKS = 3.0
"""A gap of more than these restarts every `for` and every count."""


_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_OPPOSITE = {
    Truth.MET: Truth.NOT_MET,
    Truth.NOT_MET: Truth.MET,
    Truth.UNKNOWN: Truth.UNKNOWN,
}


class Look(NamedTuple):
    """What one comparison saw; the words for it are only made when they are wanted."""

    leaf: Comparison
    reading: Reading | None
    state: str
    note: str
    truth: Truth
    timer: Timer
    settings: JudgeSettings


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a condition came to at one tick.

    ``truth`` leaves unknown unknown. ``assumed`` counts unknown as met where no_data is `act`
    (protective actions only). ``evidence`` counts idle as unknown too: only ok readings speak.
    ``overdue``: comparisons that were unknown for their `for` plus one window, under `escalate`.
    """

    truth: Truth
    assumed: Truth
    evidence: Truth
    looks: tuple[Look, ...]
    timers: tuple[Timer, ...]
    overdue: tuple[int, ...] = ()

    @property
    def seen(self) -> tuple[SeenCondition, ...]:
        """What each comparison saw, as records tell it."""
        return tuple(_seen(look) for look in self.looks)


@dataclass(frozen=True, slots=True)
class Sight:
    """What evaluation looks at: one tick's readings and how they may be taken.

    ``elapsed_s`` is the time since the last tick, None after a gap or at the start. Readings
    whose window starts before ``since_s`` count as unknown. ``may_assume`` False treats `act` as
    `hold`: nothing unknown ever clears or verifies.
    """

    readings: Readings
    settings: JudgeSettings
    elapsed_s: float | None
    policy: NoData
    may_assume: bool = True
    since_s: float | None = None


class _Three(NamedTuple):
    truth: Truth
    assumed: Truth
    evidence: Truth


_THREE_NOT_MET = _Three(Truth.NOT_MET, Truth.NOT_MET, Truth.NOT_MET)


def evaluate(condition: Condition, timers: tuple[Timer, ...], sight: Sight) -> Evaluation:
    """Evaluate at one tick. ``timers`` of another shape than the condition start afresh."""
    keys = _keys_in(ById(condition), ById(sight.settings))
    if len(timers) != len(keys):
        timers = (RESTING,) * len(keys)
    walk = _Walk(sight, keys, timers)
    three = walk.visit(condition, negated=False)
    return Evaluation(
        three.truth,
        three.assumed,
        three.evidence,
        tuple(walk.looks),
        tuple(walk.timers),
        tuple(walk.overdue),
    )


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """The leaves, in reading order."""
    match condition:
        case Comparison():
            yield condition
        case Not():
            yield from comparisons(condition.condition)
        case All() | AnyOf():
            for each in condition.conditions:
                yield from comparisons(each)


def key_of(quantity: Quantity, settings: JudgeSettings) -> SignalKey:
    """The reading a quantity names; without a window, at its signal's default window."""
    window_s = quantity.window_s
    if window_s is None:
        window_s = settings.default_windows_s.get(quantity.signal, 0.0)
    return SignalKey(quantity.signal, tuple(sorted(quantity.labels)), window_s)


@lru_cache(maxsize=4_096)
def _keys_in(condition: ById[Condition], settings: ById[JudgeSettings]) -> tuple[SignalKey, ...]:
    """What each comparison reads, in reading order: the same at every tick."""
    return tuple(key_of(leaf.quantity, settings.it) for leaf in comparisons(condition.it))


def mark_paged(timers: tuple[Timer, ...], overdue: tuple[int, ...]) -> tuple[Timer, ...]:
    """The timers with these comparisons' page on its way, so that it is sent once."""
    return tuple(replace(t, paged=True) if i in overdue else t for i, t in enumerate(timers))


class _Walk:
    """One pass over a condition; collects what its comparisons saw, in reading order."""

    def __init__(
        self, sight: Sight, keys: tuple[SignalKey, ...], timers: tuple[Timer, ...]
    ) -> None:
        self._sight = sight
        self._keys = keys
        self._before = timers
        self.timers: list[Timer] = []
        self.looks: list[Look] = []
        self.overdue: list[int] = []

    def visit(self, condition: Condition, *, negated: bool) -> _Three:
        match condition:
            case Comparison():
                return self._leaf(condition, negated=negated)
            case Not():
                inner = self.visit(condition.condition, negated=not negated)
                return _Three(
                    _OPPOSITE[inner.truth], _OPPOSITE[inner.assumed], _OPPOSITE[inner.evidence]
                )
            case All():
                parts = [self.visit(each, negated=negated) for each in condition.conditions]
                return _join(parts, Truth.NOT_MET, Truth.MET)
            case AnyOf():
                parts = [self.visit(each, negated=negated) for each in condition.conditions]
                return _join(parts, Truth.MET, Truth.NOT_MET)

    def _leaf(self, leaf: Comparison, *, negated: bool) -> _Three:
        sight = self._sight
        policy = leaf.no_data or sight.policy
        if policy is NoData.ACT and not sight.may_assume:
            policy = NoData.HOLD
        key = self._keys[len(self.timers)]
        reading = sight.readings.get(key)
        state, note = _believe(reading, sight.since_s)
        now = _compare(leaf, reading, state)
        timer = advance(leaf, self._before[len(self.timers)], now, policy, sight.elapsed_s)
        three = _verdict(leaf, now, state, policy, timer, negated=negated)
        if (
            policy is NoData.ESCALATE
            and not timer.paged
            and timer.unknown_s is not None
            and timer.unknown_s >= span_s(leaf, sight.settings.tick_s) + key.window_s - TOLERANCE
        ):
            self.overdue.append(len(self.timers))
        self.timers.append(timer)
        self.looks.append(Look(leaf, reading, state, note, three.truth, timer, sight.settings))
        return three


def _join(parts: list[_Three], decisive: Truth, otherwise: Truth) -> _Three:
    """Kleene's `and` (decided by `not met`) or `or` (decided by `met`)."""

    def fold(values: list[Truth]) -> Truth:
        if decisive in values:
            return decisive
        return Truth.UNKNOWN if Truth.UNKNOWN in values else otherwise

    return _Three(
        fold([p.truth for p in parts]),
        fold([p.assumed for p in parts]),
        fold([p.evidence for p in parts]),
    )


def _believe(reading: Reading | None, since_s: float | None) -> tuple[str, str]:
    """The state a reading counts as, and why: ``unrecorded`` and ``early`` are unknown too."""
    if reading is None:
        return "unrecorded", "no such reading"
    if reading.state is not ReadingState.OK:
        return reading.state.value, reading.note
    if reading.value is None or not math.isfinite(reading.value):
        return "unrecorded", "it has no number"
    if since_s is not None and reading.window_start_s < since_s - TOLERANCE:
        return "early", "its window starts before the plan was adopted"
    return "ok", reading.note


def _compare(leaf: Comparison, reading: Reading | None, state: str) -> Truth:
    """Met, not met (also when idle) or unknown at this tick, without its `for`."""
    if state == "idle":
        return Truth.NOT_MET
    if state != "ok" or reading is None or reading.value is None:
        return Truth.UNKNOWN
    return Truth.MET if _COMPARE[leaf.op](reading.value, leaf.threshold) else Truth.NOT_MET


def _verdict(
    leaf: Comparison, now: Truth, state: str, policy: NoData, timer: Timer, *, negated: bool
) -> _Three:
    if state == "idle":
        # Met in neither polarity: `not` turns this into not met again.
        against = Truth.MET if negated else Truth.NOT_MET
        return _Three(against, against, Truth.UNKNOWN)
    if now is Truth.UNKNOWN:
        return _Three(Truth.UNKNOWN, _assume(leaf, policy, timer, negated), Truth.UNKNOWN)
    if now is Truth.NOT_MET:  # nearly always, and then no timer runs
        return _THREE_NOT_MET
    strict = _truth(strictly_met(leaf, timer))
    assumed = _truth(assumed_met(leaf, timer)) if policy is NoData.ACT else strict
    return _Three(strict, assumed, strict)


def _assume(leaf: Comparison, policy: NoData, timer: Timer, negated: bool) -> Truth:
    if policy is not NoData.ACT:
        return Truth.UNKNOWN
    if negated:
        return Truth.NOT_MET
    return _truth(assumed_met(leaf, timer))


def _truth(met: bool) -> Truth:
    return Truth.MET if met else Truth.NOT_MET


def _seen(look: Look) -> SeenCondition:
    leaf, reading, state = look.leaf, look.reading, look.state
    value = reading.value if reading is not None else None
    if value is not None and not math.isfinite(value):
        value = None
    margin = None
    if state == "ok" and value is not None:
        sign = 1.0 if leaf.op in (">", ">=") else -1.0
        margin = round(sign * (value - leaf.threshold), 6)
    held_s = look.timer.held_s or 0.0
    sample_size = reading.sample_size if reading is not None else 0
    return SeenCondition(
        text=leaf.text,
        met=look.truth.value,
        value=value,
        threshold=leaf.threshold,
        margin=margin,
        sample_size=sample_size,
        state=state,
        held_s=held_s,
        sentence=comparison_sentence(
            leaf, value, state, look.note, sample_size, so_far(leaf, look.timer), look.settings
        ),
    )

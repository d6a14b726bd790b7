"""What a signal can look like to a set of playbooks: good, or bad.

All that a playbook sees of a number is on which side of its thresholds it lies, so one number of
each region stands for all of them. Bad meets what the `when`s ask for; good meets none of them,
and what clears and verifies.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from controller.core.binding import bind, targets_of
from controller.core.conditions import key_of
from controller.core.playbook import All, AnyOf, Comparison, Condition, Not, Playbook
from controller.core.readings import SignalKey
from controller.core.settings import JudgeSettings

_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Cell:
    """One signal at one window. All windows of a signal are good or bad together."""

    key: SignalKey
    good: float
    bad: float
    asked_by_when: bool
    asked_by_expect: bool


@dataclass
class _Asked:
    """Comparisons of one signal, each with whether it must hold or must not."""

    when: list[tuple[Comparison, bool]]
    clear: list[tuple[Comparison, bool]]
    expect: list[tuple[Comparison, bool]]


def cells_of(playbooks: Iterable[Playbook], settings: JudgeSettings) -> dict[SignalKey, Cell]:
    """Every signal the set names, for every target of its `for_each`."""
    asked: dict[SignalKey, _Asked] = defaultdict(lambda: _Asked([], [], []))
    for playbook in playbooks:
        for target in targets_of(playbook, settings):
            for kind, condition in _conditions(bind(playbook, target)):
                for leaf, positive in _leaves(condition, positive=True):
                    getattr(asked[key_of(leaf.quantity, settings)], kind).append((leaf, positive))
    return {key: _cell(key, found) for key, found in sorted(asked.items())}


def _conditions(playbook: Playbook) -> Iterator[tuple[str, Condition]]:
    yield "when", playbook.when
    yield "clear", playbook.clear_when
    for rung in playbook.rungs:
        for move in rung:
            if move.expect is not None:
                yield "expect", move.expect


def _leaves(condition: Condition, *, positive: bool) -> Iterator[tuple[Comparison, bool]]:
    match condition:
        case Comparison():
            yield condition, positive
        case Not():
            yield from _leaves(condition.condition, positive=not positive)
        case All() | AnyOf():
            for each in condition.conditions:
                yield from _leaves(each, positive=positive)


def _cell(key: SignalKey, asked: _Asked) -> Cell:
    candidates = _candidates([*asked.when, *asked.clear, *asked.expect])

    def wellness(value: float) -> tuple[int, int]:
        fired = _count(asked.when, value)
        return -fired, _count(asked.clear, value) + _count(asked.expect, value)

    wells = [wellness(value) for value in candidates]
    worst = [v for v, well in zip(candidates, wells, strict=True) if well == min(wells)]
    best = [v for v, well in zip(candidates, wells, strict=True) if well == max(wells)]
    bad = max(worst, key=lambda value: abs(value - best[0]))
    good = max(best, key=lambda value: abs(value - bad))
    return Cell(key, good, bad, bool(asked.when), bool(asked.expect))


def _count(leaves: Iterable[tuple[Comparison, bool]], value: float) -> int:
    return sum(_HOLDS[leaf.op](value, leaf.threshold) is positive for leaf, positive in leaves)


def _candidates(leaves: list[tuple[Comparison, bool]]) -> list[float]:
    """The thresholds, one number between each two, and one beyond either end."""
    thresholds = sorted({leaf.threshold for leaf, _ in leaves})
    between = [(low + high) / 2 for low, high in pairwise(thresholds)]
    step = max(1.0, abs(thresholds[0]), abs(thresholds[-1]))
    highest = thresholds[-1] + step
    if leaves[0][0].unit == "share" and thresholds[-1] < 1.0:
        highest = (thresholds[-1] + 1.0) / 2
    ends = [_below(thresholds[0], step), highest]
    return sorted({*thresholds, *between, *ends})


def _below(threshold: float, step: float) -> float:
    """Signals are counts, shares, times and rates: none is negative unless it is asked so."""
    return threshold / 2 if threshold > 0.0 else threshold - step

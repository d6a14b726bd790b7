"""`otherwise: quiet`: a number for each signal without a series at which its playbooks rest."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from controller.core.binding import bind_condition, targets_of
from controller.core.conditions import key_of
from controller.core.playbook import All, AnyOf, Comparison, Condition, Not, Playbook
from controller.core.readings import SignalKey
from controller.core.settings import JudgeSettings

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_Side = tuple[Comparison, bool]
"""A comparison, and whether it stands under an odd number of `not`."""


def quiet_values(
    playbooks: tuple[Playbook, ...], settings: JudgeSettings
) -> Mapping[SignalKey, float]:
    """For every reading that is compared: the value that meets the fewest comparisons of any
    `when`, of these the most of `clear_when` and `expect`, of these the one nearest to 0."""
    against: dict[SignalKey, list[_Side]] = {}
    in_favour: dict[SignalKey, list[_Side]] = {}
    for playbook in playbooks:
        for target in targets_of(playbook, settings):
            for condition, starts in _conditions(playbook):
                sides = against if starts else in_favour
                bound = bind_condition(condition, playbook.for_each, target)
                for leaf, negated in _leaves(bound, negated=False):
                    sides.setdefault(key_of(leaf.quantity, settings), []).append((leaf, negated))
    return {
        key: _quietest(against.get(key, []), in_favour.get(key, []))
        for key in sorted({*against, *in_favour})
    }


def _conditions(playbook: Playbook) -> Iterator[tuple[Condition, bool]]:
    """Every condition, and whether it is one that starts something."""
    yield playbook.when, True
    yield playbook.clear_when, False
    for rung in playbook.rungs:
        for move in rung:
            if move.expect is not None:
                yield move.expect, False


def _leaves(condition: Condition, *, negated: bool) -> Iterator[tuple[Comparison, bool]]:
    match condition:
        case Comparison():
            yield condition, negated
        case Not():
            yield from _leaves(condition.condition, negated=not negated)
        case All() | AnyOf():
            for each in condition.conditions:
                yield from _leaves(each, negated=negated)


def _quietest(against: list[_Side], in_favour: list[_Side]) -> float:
    def met(sides: list[_Side], value: float) -> int:
        return sum(_COMPARE[c.op](value, c.threshold) != negated for c, negated in sides)

    limits = sorted({0.0, *(leaf.threshold for leaf, _ in (*against, *in_favour))})
    between = [(low + high) / 2 for low, high in pairwise(limits)]
    reach = max(1.0, limits[-1] - limits[0])
    beyond = [limits[-1] + reach, limits[0] - reach]
    return min(
        (*limits, *between, *beyond),
        key=lambda value: (met(against, value), -met(in_favour, value), abs(value), value),
    )

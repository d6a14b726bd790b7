"""A condition over a whole period at once: how far it was from being met, second by second.

The same verdict as `controller.core.conditions` tick by tick wherever readings are ok (a property
test proves it); an unknown reading meets nothing, unless its policy is `act`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from controller.calibration.healthy import HealthyPeriod
from controller.core.conditions import key_of
from controller.core.playbook import All, AnyOf, Comparison, Condition, NoData, Not
from controller.core.settings import JudgeSettings

Numbers = NDArray[np.float64]
TINY = 1e-9
"""Stands for a margin of nothing on the side where the comparison puts it."""


class _Score(NamedTuple):
    """``margin`` above 0: met, below: not met; without meaning where ``unknown``."""

    margin: Numbers
    unknown: NDArray[np.bool_]


def margins(
    condition: Condition, policy: NoData, settings: JudgeSettings, period: HealthyPeriod
) -> Numbers:
    """Above 0 at each second at which it is met, its `for` included; -inf where nobody knows.

    A margin is in robust standard deviations (0.74 interquartile ranges) of its own reading, so
    that those of several comparisons can be compared. Raise KeyError for a reading that the
    period does not have.
    """
    score = _visit(condition, policy, settings, period)
    return np.where(score.unknown, -math.inf, score.margin)


def _visit(
    condition: Condition, policy: NoData, settings: JudgeSettings, period: HealthyPeriod
) -> _Score:
    match condition:
        case Comparison():
            return _leaf(condition, condition.no_data or policy, settings, period)
        case Not():
            inner = _visit(condition.condition, policy, settings, period)
            return _Score(-inner.margin, inner.unknown)
        case All():
            return _all([_visit(c, policy, settings, period) for c in condition.conditions])
        case AnyOf():
            scores = [_visit(c, policy, settings, period) for c in condition.conditions]
            joined = _all([_Score(-s.margin, s.unknown) for s in scores])
            return _Score(-joined.margin, joined.unknown)


def _all(scores: list[_Score]) -> _Score:
    """Kleene's `and`: not met decides, else unknown does."""
    known = np.array([np.where(s.unknown, math.inf, s.margin) for s in scores])
    least: Numbers = known.min(axis=0)
    unknown = np.any([s.unknown for s in scores], axis=0) & (least > 0.0)
    return _Score(least, unknown)


def _leaf(
    leaf: Comparison, policy: NoData, settings: JudgeSettings, period: HealthyPeriod
) -> _Score:
    values = period.series[key_of(leaf.quantity, settings)].astype(np.float64)
    unknown = np.isnan(values)
    sign = 1.0 if leaf.op in (">", ">=") else -1.0
    margin = sign * (values - leaf.threshold) / _spread(values[~unknown], leaf.threshold)
    side = TINY if leaf.op in (">=", "<=") else -TINY
    margin = np.where(margin == 0.0, side, margin)
    if policy is NoData.ACT:
        margin, unknown = np.where(unknown, TINY, margin), np.zeros_like(unknown)
    ticks = ticks_of(leaf)
    if ticks == 1 or not margin.size:
        return _Score(margin, unknown)
    held, unsure = np.empty_like(margin), np.empty_like(unknown)
    sure = np.where(unknown, math.inf, margin)
    for part in period.stretches:
        least = _trailing_least(sure[part], ticks)
        least[: ticks - 1] = np.minimum(least[: ticks - 1], -TINY)
        held[part] = least
        unsure[part] = _trailing_least(~unknown[part] * 1.0, ticks) < 0.5
    return _Score(held, unsure & (held > 0.0))


def ticks_of(leaf: Comparison) -> int:
    """How many ticks it must be met at, one a second."""
    return leaf.for_ticks or math.ceil(leaf.for_s) + 1


def _trailing_least(values: Numbers, ticks: int) -> Numbers:
    """The least of the last so many steps, each step's own included."""
    found: Numbers = minimum_filter1d(values, ticks, origin=(ticks - 1) // 2, mode="nearest")
    return found


def _spread(values: Numbers, threshold: float) -> float:
    if values.size:
        low, high = np.quantile(values, (0.25, 0.75))
        for spread in (0.7413 * (high - low), float(np.std(values))):
            if spread > 0.0:
                return float(spread)
    return abs(threshold) or 1.0

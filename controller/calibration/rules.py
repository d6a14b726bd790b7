"""The expected false actions of each rule that acts, and of all, against what is affordable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from controller.calibration.healthy import HealthyPeriod
from controller.calibration.margins import Numbers, margins, ticks_of
from controller.core.binding import bind, targets_of
from controller.core.conditions import comparisons, key_of
from controller.core.playbook import Autonomy, Playbook
from controller.core.readings import SignalKey
from controller.core.settings import JudgeSettings
from controller.language.quantities import budget
from controller.statistics.tail_rate import (
    DRAWS,
    TailRate,
    counted_draws,
    run_maxima,
    tail_rate,
)

ACTING = (Autonomy.AUTO, Autonomy.APPROVE)
NEVER = ("bounded", "unwatched")
"""How a rule was looked at that was never met."""


@dataclass(frozen=True, slots=True)
class RuleRate:
    """One playbook on one target. Rates are actions per second; ``crossings`` were seen."""

    playbook: str
    target: str | None
    rate: TailRate


@dataclass(frozen=True, slots=True)
class Calibration:
    """``verdict``: the interval lies within the budget, above it, or reaches across it."""

    rules: tuple[RuleRate, ...]
    expected_per_s: float
    interval_per_s: tuple[float, float]
    budget_per_s: float
    verdict: Literal["holds", "exceeded", "not shown"]


def acting(playbooks: Iterable[Playbook]) -> tuple[Playbook, ...]:
    """Those that may change something; the others cost nobody anything."""
    return tuple(p for p in playbooks if p.guards.autonomy in ACTING)


def keys_of(playbooks: Iterable[Playbook], settings: JudgeSettings) -> frozenset[SignalKey]:
    """What the rules that act read to decide."""
    return frozenset(
        key_of(leaf.quantity, settings)
        for playbook, _ in _bound(acting(playbooks), settings)
        for leaf in comparisons(playbook.when)
    )


def calibrate(
    playbooks: Iterable[Playbook],
    settings: JudgeSettings,
    period: HealthyPeriod,
    false_actions: str,
    seed: int,
) -> Calibration:
    """Rates from a healthy period. A playbook acts at most once per cooldown.

    ``false_actions`` is a budget like ``1 per 60d``. Raise ValueError when it is not, KeyError for
    a reading that the period does not have.
    """
    random = np.random.default_rng(seed)
    judged = list(_judged(playbooks, settings, period))
    rules = [
        RuleRate(playbook.name, target, tail_rate(far, 1.0, gap, random, period.at_s))
        for playbook, target, far, gap in judged
    ]
    rates = [rule.rate for rule in rules]
    low, high = _together(rates, [far for _, _, far, _ in judged], random)
    expected_per_s = sum(rate.expected_per_s for rate in rates)
    count, within_s = budget(false_actions)
    afford = count / within_s
    verdict: Literal["holds", "exceeded", "not shown"] = "not shown"
    if high <= afford:
        verdict = "holds"
    elif low > afford:
        verdict = "exceeded"
    return Calibration(tuple(rules), expected_per_s, (low, high), afford, verdict)


def _together(
    rates: list[TailRate], far: list[Numbers], random: np.random.Generator
) -> tuple[float, float]:
    """95 % interval of all rules' actions per second.

    Crossings that were counted are one count, and so are those that never were: of these the
    seconds in which every such rule could be judged say what their sum is at most, never that
    there is one.
    """
    seen = np.zeros(DRAWS)
    for rate in rates:
        if rate.how == "continued":
            seen += rate.draws
    counted = [rate for rate in rates if rate.how == "counted"]
    if counted:
        crossings = sum(rate.crossings for rate in counted)
        per_s = sum(rate.expected_per_s for rate in counted)
        seen += counted_draws(crossings, crossings / per_s, random)
    unseen = np.zeros(DRAWS)
    never = [np.isfinite(f) for f, r in zip(far, rates, strict=True) if r.how in NEVER]
    if never:
        watched_s = int(np.count_nonzero(np.all(never, axis=0)))
        unseen = counted_draws(0, max(1, watched_s), random)
    low = float(np.quantile(seen, 0.025))
    return low, float(np.quantile(seen + unseen, 0.975))


def actions_in(
    playbooks: Iterable[Playbook], settings: JudgeSettings, period: HealthyPeriod
) -> int:
    """How often the rules that act would have acted, each at most once per cooldown."""
    judged = _judged(playbooks, settings, period)
    return sum(len(run_maxima(far, 0.0, gap, period.at_s)) for _, _, far, gap in judged)


def _judged(
    playbooks: Iterable[Playbook], settings: JudgeSettings, period: HealthyPeriod
) -> Iterator[tuple[Playbook, str | None, Numbers, int]]:
    """Each rule, its target, how far it was from being met, and its cooldown in seconds.

    While its longest `for` could not be over yet it is not judged.
    """
    for playbook, target in _bound(acting(playbooks), settings):
        far = margins(playbook.when, playbook.no_data, settings, period)
        starting = max(ticks_of(leaf) for leaf in comparisons(playbook.when)) - 1
        for part in period.stretches:
            far[part][:starting] = -math.inf
        yield playbook, target, far, max(1, round(playbook.guards.cooldown_s))


def _bound(
    playbooks: Iterable[Playbook], settings: JudgeSettings
) -> Iterator[tuple[Playbook, str | None]]:
    for playbook in playbooks:
        for target in targets_of(playbook, settings):
            yield bind(playbook, target), target

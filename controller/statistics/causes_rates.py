"""Which groups of requests explain that a rate changed: clicks per request, bad answers.

A group is a cause when its own rate changed, more than the rest's did, and the difference between
the two ratios is beyond chance: the exact binomial test of the group's share of the events, given
the rates before, whose doubt widens it, and by how much more than binomial the baseline's own
steps differ; with false discoveries controlled over all groups (Benjamini and Hochberg 1995).
Explanatory power is the group's part of the change of the ratio, as in Adtributor (Bhagwan et al.,
NSDI 2014). A product of two values must explain clearly more than either value alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from controller.statistics.discoveries import passing

Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]

ALPHA = 0.01
"""Chance that a table without any change names a cause; an explanation reads several."""
LEAST_ROWS = 20
"""Support: requests now and before."""
LEAST_EVENTS = 5.0
"""Now, seen or expected under the rate before."""
PAIR_MARGIN = 10.83
"""Chi-square that a product must have beyond either of its values (1 in 1,000 by chance)."""


@dataclass(frozen=True, slots=True)
class RateCause:
    """``share`` of the whole's change that the group's rows make up; rates before and now."""

    group: int
    share: float
    support: int
    score: float
    before: float
    now: float


def rate_causes(
    steps: Counts,
    now: Counts,
    parents: Counts,
    most: int,
    *,
    rising: bool | None = None,
    columns: Counts | None = None,
    may_be_new: NDArray[np.bool_] | None = None,
) -> list[RateCause]:
    """The causes, the best supported first, at most ``most``.

    ``steps``: shape (steps, groups, 2), requests and events of the baseline. ``now``: the same of
    shape (groups, 2). ``parents``: shape (groups, 2), the two values that a product is made of, -1
    for a single value. The first group is all requests. ``rising``: only changes up, or down.
    ``columns``: of each single value, its column; without it all are taken to be of one where no
    product of them was counted. ``may_be_new``: groups that need no rows before, such as versions;
    they are expected to fare as all did.
    """
    before = steps.sum(axis=0)
    scale = overdispersion(steps[:, parents[:, 0] < 0])
    found = _compared(before, now, (before[0], now[0]))
    score = found.score / scale
    is_known = before[:, 0] >= LEAST_ROWS
    if may_be_new is not None:
        is_known |= may_be_new & (before[:, 0] == 0)
    enough = is_known & (now[:, 0] >= LEAST_ROWS)
    enough &= (before[0, 0] - before[:, 0] >= LEAST_ROWS) & (now[0, 0] - now[:, 0] >= LEAST_ROWS)
    usual = before[0, 1] / max(int(before[0, 0]), 1)
    rate = np.where(before[:, 0] > 0, before[:, 1] / np.maximum(before[:, 0], 1), usual)
    expected = rate * now[:, 0]
    enough &= np.maximum(expected, now[:, 1]) >= LEAST_EVENTS
    kept = np.zeros(len(now), dtype=np.bool_)
    kept[enough] = passing(special.chdtrc(1, score[enough]), ALPHA)
    kept &= np.abs(found.change) > np.abs(found.rest_change)
    kept &= found.own / scale > special.chdtri(1, ALPHA)
    if rising is not None:
        kept &= (found.change > 0.0) == rising
    kept &= ~_no_better_than_parents(score, parents)
    order = np.flatnonzero(kept)
    order = order[np.argsort(-score[order], kind="stable")]
    return _independent(order, before, now, score, parents, scale, columns)[:most]


def whole_change(steps: Counts, now: Counts) -> tuple[float, float]:
    """(change of the whole's rate, its z), by how much the baseline's own steps differ."""
    before = steps[:, 0].sum(axis=0)
    scale = overdispersion(steps[:, :1])
    (n0, k0), (n1, k1) = before.tolist(), now[0].tolist()
    if not n0 or not n1:
        return 0.0, 0.0
    pooled = (k0 + k1) / (n0 + n1)
    spread = np.sqrt(max(pooled * (1.0 - pooled), 1e-9) * (1.0 / n0 + 1.0 / n1) * scale)
    change = k1 / n1 - k0 / n0
    return float(change), float(change / spread)


def overdispersion(steps: Counts) -> float:
    """At least 1: how much more the baseline's steps vary than independent requests would.

    ``steps``: shape (steps, groups, 2). Steps share what happened to all (the first group).
    """
    requests, events = steps[:, :, 0].astype(np.float64), steps[:, :, 1].astype(np.float64)
    if len(steps) < 3:
        return 1.0
    rate = events.sum(axis=0) / np.maximum(requests.sum(axis=0), 1.0)
    expected = requests * rate
    if steps.shape[1] > 1:
        expected *= (events[:, :1] + 0.5) / (expected[:, :1] + 0.5)
        events, expected, rate = events[:, 1:], expected[:, 1:], rate[1:]
    variance = np.maximum(expected * (1.0 - rate), 1e-9)
    usable = expected >= 1.0
    freedom: int = np.count_nonzero(usable) - expected.shape[1]
    if freedom < 1:
        return 1.0
    squares = (events - expected) ** 2 / variance
    return max(1.0, float(squares[usable].sum() / freedom))


class _Compared(NamedTuple):
    """Of groups. ``score`` of the difference between its change and the rest's, ``own`` of its
    change alone (both about chi-square with 1 degree when nothing changed); the changes are
    logarithms of ratios."""

    score: Numbers
    own: Numbers
    change: Numbers
    rest_change: Numbers


def _compared(old: Counts, new: Counts, everything: tuple[Counts, Counts]) -> _Compared:
    """Groups in shape (groups, 2) against ``everything`` (before, now) else, in shape (2,)."""
    all0, all1 = (each.astype(np.float64) for each in everything)
    usual = (all0[1] + 0.5) / (all0[0] + 1.0)
    before, now = old.astype(np.float64), new.astype(np.float64)
    expected, doubt = _expected(before, now, usual)
    rest_expected, rest_doubt = _expected(all0 - before, all1 - now, usual)
    events, rest_events = now[:, 1], all1[1] - now[:, 1]
    chance = expected / np.maximum(expected + rest_expected, 1e-300)
    core = all1[1] * chance * (1.0 - chance)
    spared = 1.0 - all1[1] / max(all1[0], 1.0)
    exact = _squared_z(events, int(all1[1]), chance)
    score = exact / (1.0 + core * (doubt + rest_doubt))
    own = (events - expected) ** 2 / (expected * spared + expected**2 * doubt + 1e-9)
    change = np.log((events + 0.5) / (expected + 0.5))
    return _Compared(score, own, change, np.log((rest_events + 0.5) / (rest_expected + 0.5)))


def _expected(before: Numbers, now: Numbers, usual: float) -> tuple[Numbers, Numbers]:
    """Events as before, and the variance of its logarithm.

    One event's worth of the usual rate is mixed in; a group without any is taken to be as all are.
    """
    rate = (before[:, 1] + 1.0) / (before[:, 0] + 1.0 / usual)
    return now[:, 0] * rate, before[:, 1] / (before[:, 1] + 1.0) ** 2


def _squared_z(events: Numbers, total: int, chance: Numbers) -> Numbers:
    """Of the exact binomial test of ``events`` among ``total``, both sides."""
    upper = np.where(events > 0, special.bdtrc(np.maximum(events - 1.0, 0.0), total, chance), 1.0)
    lower = special.bdtr(events, total, chance)
    tail = np.clip(np.minimum(upper, lower), 1e-300, 0.5)
    found: Numbers = special.ndtri(tail) ** 2
    return found


def _no_better_than_parents(score: Numbers, parents: Counts) -> NDArray[np.bool_]:
    """Products that one of their values explains nearly as well."""
    best = score[parents].max(axis=1)
    found: NDArray[np.bool_] = (parents[:, 0] >= 0) & (score < best + PAIR_MARGIN)
    return found


def _independent(
    order: Counts,
    before: Counts,
    now: Counts,
    score: Numbers,
    parents: Counts,
    scale: float,
    columns: Counts | None,
) -> list[RateCause]:
    """Without groups that changed only because they hold rows of a better one, or are part of it.

    Of two values of different columns, or two products, the rows in common are looked up where a
    product was counted; where none was, the weaker is left out.
    """
    found: list[RateCause] = []
    product = {tuple(p): g for g, p in enumerate(parents.tolist()) if p[0] >= 0}
    for group in order.tolist():
        if all(
            _stands(group, c.group, before, now, parents, product, scale, columns) for c in found
        ):
            found.append(_cause(group, before, now, float(score[group])))
    return found


def _stands(
    group: int,
    better: int,
    before: Counts,
    now: Counts,
    parents: Counts,
    product: dict[tuple[int, ...], int],
    scale: float,
    columns: Counts | None,
) -> bool:
    """Whether the group's change is there without the rows it shares with a better cause."""
    mine = [g for g in parents[group].tolist() if g >= 0] or [group]
    theirs = [g for g in parents[better].tolist() if g >= 0] or [better]
    if set(theirs) >= set(mine):  # it holds all of the better one's rows
        common: int | None = better
    elif set(mine) >= set(theirs):
        return False
    else:
        common = product.get((min(mine[0], theirs[0]), max(mine[0], theirs[0])))
        if len(mine) + len(theirs) > 2:
            return False
        if common is None:  # two values of one column, or nobody knows what they share
            return columns is None or bool(columns[mine[0]] == columns[theirs[0]])
    left = (before[group] - before[common], now[group] - now[common])
    others = (before[0] - before[common], now[0] - now[common])
    found = _compared(left[0][None], left[1][None], others)
    return bool(found.score[0] / scale > special.chdtri(1, ALPHA / 10))


def _cause(group: int, before: Counts, now: Counts, score: float) -> RateCause:
    (n0, k0), (n1, k1) = before[group].tolist(), now[group].tolist()
    (all0, events0), (all1, events1) = before[0].tolist(), now[0].tolist()
    total = events1 / all1 - events0 / all0
    rate0, rate1 = k0 / n0 if n0 else events0 / all0, k1 / n1
    mine = n1 / all1 * (rate1 - rate0) + (n1 / all1 - n0 / all0) * (rate0 - events0 / all0)
    share = min(1.0, max(0.0, mine / total)) if total else 0.0
    return RateCause(group, share, n1, score, rate0, rate1)

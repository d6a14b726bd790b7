"""Which (group, feature) pairs explain that a model's inputs moved.

Values are cut at the baseline's octiles, with cells for null and infinite. A pair is a cause when
the shares of the group's cells changed otherwise than the rest's did: Pearson's chi-square of the
difference of the two changes over the cells, or of their trend along the bins, divided by what
the same test gives between two parts of the baseline, with false discoveries controlled over all
pairs. A product of two values must explain clearly more than either value alone, so the simplest
group is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from controller.statistics.causes_rates import PAIR_MARGIN
from controller.statistics.discoveries import passing

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]

ALPHA = 0.01
"""Chance that a table without any change names a cause; an explanation reads several."""
BINS = 8
CELLS = BINS + 2
NULL_CELL, INFINITE_CELL = BINS, BINS + 1
LEAST_ROWS = 30
"""Of a group, now and before."""
LEAST_IN_CELL = 5.0
"""Rows of a cell, now and before together."""
LARGE_SCALE = 2.0
LEAST_DISTANCE = 0.05
"""Total variation; a group that moved less is not worth a name."""


@dataclass(frozen=True, slots=True)
class InputCause:
    """``share`` of the movement that is the group's; ``group`` 0 is all rows.

    ``shift_sd`` is how far the mean moved, in standard deviations of the baseline's values.
    """

    group: int
    feature: int
    share: float
    support: int
    score: float
    shift_sd: float
    null_change: float


def input_causes(
    before: NDArray[np.float32],
    now: NDArray[np.float32],
    before_groups: Codes,
    now_groups: Codes,
    parents: Codes,
    most: int,
) -> list[InputCause]:
    """The causes, the best supported first, at most ``most``, one per feature.

    Values in shape (rows, features), NaN for null, the baseline in order of time. ``*_groups``:
    (rows, places), the groups each row is of, the first always 0. ``parents`` as in `rate_causes`.
    """
    if len(now) < LEAST_ROWS or len(before) < 2 * LEAST_ROWS or not now.shape[1]:
        return []
    cells0, cells1 = _cells(before, now)
    groups, half = len(parents), len(before) // 2
    early = _counted(cells0[:half], before_groups[:half], groups)
    late = _counted(cells0[half:], before_groups[half:], groups)
    held, seen = early + late, _counted(cells1, now_groups, groups)
    singles = parents[:, 0] < 0
    scale = _scale(early[singles], late[singles])
    found = _judged(held, seen, parents, scale)
    chosen = [_best(f, *found) for f in range(now.shape[1])]
    rows = seen.sum(axis=2)
    causes = [
        InputCause(
            group,
            feature,
            float(min(1.0, found.share[group, feature])),
            int(rows[group, feature]),
            float(found.evidence[group, feature]),
            *_sizes(before, now, before_groups, now_groups, group, feature),
        )
        for feature, group in enumerate(chosen)
        if group is not None
    ]
    return sorted(causes, key=lambda each: -each.score)[:most]


class _Judged(NamedTuple):
    """All in shape (groups, features)."""

    kept: NDArray[np.bool_]
    evidence: Numbers
    share: Numbers


def _judged(
    held: Numbers, seen: Numbers, parents: Codes, scale: tuple[Numbers, Numbers]
) -> _Judged:
    own, rest = _Change.of(held, seen), _Change.of(held[:1] - held, seen[:1] - seen)
    alone, others = own.tested(scale), rest.tested(scale)
    apart = own.without(rest).tested(scale)
    # The whole is tested against no movement at all.
    p_value, evidence = apart.p_value, apart.excess
    p_value[0], evidence[0] = alone.p_value[0], alone.excess[0]
    tested = np.ones(seen.shape[:2], dtype=np.bool_)
    for counts in (held, seen):
        rows = counts.sum(axis=2)
        tested &= rows >= LEAST_ROWS
        tested[1:] &= rows[0] - rows[1:] >= LEAST_ROWS
    kept = np.zeros(tested.shape, dtype=np.bool_)
    kept[tested] = passing(p_value[tested], ALPHA)
    distance = own.distance
    kept &= distance >= LEAST_DISTANCE
    kept[1:] &= distance[1:] > rest.distance[1:]
    of_parents = evidence[parents].max(axis=1)
    kept &= ~((parents[:, :1] >= 0) & (evidence < of_parents + PAIR_MARGIN))
    mine, theirs = np.maximum(alone.excess, 0.0), np.maximum(others.excess, 0.0)
    share = mine / np.maximum(mine + theirs, 1e-9)
    share[0] = 1.0
    return _Judged(kept, evidence, share)


def _best(feature: int, kept: NDArray[np.bool_], evidence: Numbers, share: Numbers) -> int | None:
    """The group named for a feature: one that moved alone, before all rows together."""
    groups = np.flatnonzero(kept[1:, feature]) + 1
    if groups.size:
        best = int(groups[evidence[groups, feature].argmax()])
        if share[best, feature] >= 0.5 or not kept[0, feature]:
            return best
    return 0 if kept[0, feature] else None


class _Tested(NamedTuple):
    """``excess`` is how far the stronger of two statistics lies above what chance gives."""

    excess: Numbers
    p_value: Numbers


@dataclass(frozen=True, slots=True)
class _Change:
    """Of the share of each cell, in shape (groups, features, cells).

    ``trend`` is its sum along the order of the bins; variances are from both samples pooled.
    """

    size: Numbers
    variance: Numbers
    trend: Numbers
    trend_variance: Numbers
    there: NDArray[np.bool_]

    @classmethod
    def of(cls, held: Numbers, seen: Numbers) -> _Change:
        before = np.maximum(held.sum(axis=2, keepdims=True), 1.0)
        now = np.maximum(seen.sum(axis=2, keepdims=True), 1.0)
        size = seen / now - held / before
        pooled, weight = (held + seen) / (before + now), 1.0 / before + 1.0 / now
        spread = pooled @ _ORDER**2 - (pooled @ _ORDER) ** 2
        there = held + seen >= LEAST_IN_CELL
        return cls(size, pooled * weight, size @ _ORDER, spread * weight[:, :, 0], there)

    def without(self, rest: _Change) -> _Change:
        """The difference between this change and another, of other rows."""
        return _Change(
            self.size - rest.size,
            self.variance + rest.variance,
            self.trend - rest.trend,
            self.trend_variance + rest.trend_variance,
            self.there,
        )

    @property
    def distance(self) -> Numbers:
        """Total variation."""
        found: Numbers = np.abs(self.size).sum(axis=2) / 2.0
        return found

    def statistics(self) -> tuple[Numbers, Numbers, Numbers]:
        """Pearson's over all cells, its degrees of freedom, and that of the trend (1 degree)."""
        parts = self.size**2 / np.where(self.there, self.variance, 1.0)
        cells = np.where(self.there, parts, 0.0).sum(axis=2)
        freedom = np.maximum(self.there.sum(axis=2) - 1.0, 0.0)
        return cells, freedom, self.trend**2 / np.maximum(self.trend_variance, 1e-12)

    def tested(self, scale: tuple[Numbers, Numbers]) -> _Tested:
        """By the more telling of the two, at twice its p-value."""
        cells, freedom, trend = self.statistics()
        cells, trend = cells / scale[0], trend / scale[1]
        by_cells = special.chdtrc(np.maximum(freedom, 1.0), cells)
        p_value = 2.0 * np.minimum(by_cells, special.chdtrc(1.0, trend))
        return _Tested(np.maximum(cells - freedom, trend - 1.0), np.minimum(p_value, 1.0))


_ORDER = np.array([*(np.arange(BINS) - (BINS - 1) / 2.0), 0.0, 0.0])
"""The cells' order for the trend; null and infinite have no place in it."""


def _scale(early: Numbers, late: Numbers) -> tuple[Numbers, Numbers]:
    """By feature, at least 1: how much more two parts of the baseline differ than by chance.

    For Pearson's statistic and for the trend's. The latter rests on few degrees of freedom, so it
    is believed only where it is large.
    """
    own = _Change.of(early, late)
    apart = own.without(_Change.of(early[:1] - early, late[:1] - late))
    cells, freedom, trend = apart.statistics()
    cells[0], freedom[0], trend[0] = (each[0] for each in own.statistics())
    usable = early.sum(axis=2) >= LEAST_ROWS
    total = np.maximum(np.where(usable, freedom, 0.0).sum(axis=0), 1.0)
    of_cells = np.maximum(1.0, np.where(usable, cells, 0.0).sum(axis=0) / total)
    of_trend = np.where(usable, trend, 0.0).sum(axis=0) / np.maximum(usable.sum(axis=0), 1)
    return of_cells, np.where(of_trend > LARGE_SCALE, of_trend, of_cells)


def _cells(
    before: NDArray[np.float32], now: NDArray[np.float32]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Of every value, cut at the finite baseline's quantiles."""
    cells = (np.empty(before.shape, np.int8), np.empty(now.shape, np.int8))
    marks = np.arange(1, BINS) / BINS
    for feature in range(before.shape[1]):
        column = before[:, feature]
        finite = column[np.isfinite(column)]
        edges = np.unique(np.quantile(finite, marks, method="lower")) if finite.size else finite
        for target, values in zip(cells, (column, now[:, feature]), strict=True):
            found = edges.searchsorted(values, side="left")
            found[np.isinf(values)] = INFINITE_CELL
            found[np.isnan(values)] = NULL_CELL
            target[:, feature] = found
    return cells


def _counted(cells: NDArray[np.int8], groups: Codes, count: int) -> Numbers:
    """Rows by group, feature and cell."""
    features = cells.shape[1]
    member = np.zeros((len(cells), count), np.float32)
    np.put_along_axis(member, groups, 1.0, axis=1)
    hot = cells[:, :, None] == np.arange(CELLS, dtype=np.int8)
    flat = member.T @ hot.reshape(len(cells), features * CELLS).astype(np.float32)
    found: Numbers = flat.reshape(count, features, CELLS).astype(np.float64)
    return found


def _distances(held: Numbers, seen: Numbers) -> Numbers:
    """Total variation between each group's cells before and now."""
    before = held / np.maximum(held.sum(axis=2, keepdims=True), 1.0)
    now = seen / np.maximum(seen.sum(axis=2, keepdims=True), 1.0)
    found: Numbers = np.abs(before - now).sum(axis=2) / 2.0
    return found


def _sizes(
    before: NDArray[np.float32],
    now: NDArray[np.float32],
    before_groups: Codes,
    now_groups: Codes,
    group: int,
    feature: int,
) -> tuple[float, float]:
    """(shift of the mean in standard deviations, change of the null share) of one group."""
    old = before[(before_groups == group).any(axis=1), feature]
    new = now[(now_groups == group).any(axis=1), feature]
    nulls = float(np.isnan(new).mean() - np.isnan(old).mean())
    old, new = old[np.isfinite(old)], new[np.isfinite(new)]
    if not old.size or not new.size:
        return 0.0, nulls
    spread = float(np.std(old, dtype=np.float64))
    moved = float(np.median(new) - np.median(old))
    return moved / spread if spread else 0.0, nulls

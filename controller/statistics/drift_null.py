"""How far counts stray from a kept reference by themselves, as the reference's own order shows it.

Counts of n dependent rows scatter with n times their long-run covariance, measured beforehand from
blocks of the reference's time-ordered rows. The squared distance is then a weighted sum of
chi-squares; its tail comes from a saddlepoint (Kuonen 1999, of Lugannani and Rice 1980), which
keeps its relative accuracy far out, where moment matching does not. That the covariance is itself
an estimate enters as a further chi-square on the other side, as an F stands to a chi-square.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from controller.statistics.reference_bins import CELLS, DECISION_BINS, ReferenceBins

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

REFERENCE_BLOCK_ROWS = 250
"""Rows of a block the reference's covariance was measured with."""
LEAST_CHANCE = 0.002
"""Rarer cells weigh as if they were this common: else one row in a cell that training hardly knew
would outweigh all others."""
HALVINGS = 50
NEAR_MEAN = 1e-3
_WITHIN = 1e-9, 1e12
"""Distances beyond are as good as none, or as impossible."""


@dataclass(frozen=True)
class KnownNull:
    """Of many features: ``scales`` (many, `CELLS`) are the weights of the squared distance along
    the covariance's axes, ``freedoms`` (many) how many chi-squares its estimate is worth,
    ``effects`` by how much dependence widens the scatter of common bins: 1 for independent rows.
    """

    chances: Floats
    rows: Counts
    scales: Floats
    freedoms: Floats
    effects: Floats
    is_known: NDArray[np.bool_]

    @classmethod
    def of(cls, features: Sequence[ReferenceBins]) -> KnownNull:
        """Of each feature; those without a covariance are not known."""
        counts = np.array([b.counts for b in features], np.float64).reshape(-1, CELLS)
        rows = counts.sum(axis=1)
        chances = counts / rows[:, None]
        empty = np.zeros((CELLS, CELLS))
        each = [empty if b.covariance is None else b.covariance for b in features]
        roots = np.sqrt(1.0 / np.maximum(chances, LEAST_CHANCE))
        covariances = np.array(each).reshape(-1, CELLS, CELLS)
        weighted = covariances * roots[:, :, None] * roots[:, None, :]
        scales = np.maximum(np.linalg.eigvalsh(weighted), 0.0)
        blocks = np.maximum(rows / REFERENCE_BLOCK_ROWS - 1.0, 1.0)
        squares = np.maximum((scales**2).sum(axis=1), np.finfo(np.float64).tiny)
        known = np.array([b.covariance is not None for b in features], np.bool_)
        freedoms = np.maximum(blocks * scales.sum(axis=1) ** 2 / squares, 1.0)
        effects = _effects(chances, covariances)
        return cls(chances, rows.astype(np.int64), scales, freedoms, effects, known)

    def p_values(self, places: Counts, totals: Counts) -> Floats:
        """Chance of counts this far off if nothing moved, of the features in these places.

        ``totals`` in shape (places, `CELLS`). Only meaningful where ``is_known``.
        """
        rows = totals.sum(axis=1)
        chances = self.chances[places]
        off = totals / np.maximum(rows, 1)[:, None] - chances
        squares = (off**2 / np.maximum(chances, LEAST_CHANCE)).sum(axis=1)
        # The reference is a sample too, its rows as dependent as the window's.
        distances = rows * squares / (1.0 + rows / self.rows[places])
        return tail(self.scales[places], self.freedoms[places], distances)

    def effective_rows(self, places: Counts, rows: Counts) -> Floats:
        """How many independent rows scatter as much as so many of these."""
        real = (self.chances[places] > 0.0).sum(axis=1) - 1.0
        traces = np.maximum(self.scales[places].sum(axis=1), 1e-9)
        found: Floats = np.minimum(rows * np.maximum(real, 1.0) / traces, rows)
        return found


def tail(scales: Floats, freedoms: Floats, distances: Floats) -> Floats:
    """P(sum of scales x chi-square(1) > distance x chi-square(freedom) / freedom), of each row.

    Scales in shape (many, k). Where all scales are 0 any distance is beyond chance.

    >>> one = tail(np.ones((1, 7)), np.array([1e9]), np.array([14.067]))
    >>> round(float(one[0]), 3)
    0.05
    """
    largest = scales.max(axis=1)
    testable = (largest > 0.0) & (distances > 0.0)
    found = np.where(distances > 1e-12, 0.0, 1.0)
    if testable.any():
        # In units of the largest scale, so that nothing depends on the size of a count.
        units = largest[testable]
        with np.errstate(over="ignore"):
            apart = np.clip(distances[testable] / units, *_WITHIN)
        found[testable] = _saddlepoint(scales[testable] / units[:, None], freedoms[testable], apart)
    return found


def _saddlepoint(scales: Floats, freedoms: Floats, distances: Floats) -> Floats:
    share = distances / freedoms
    low, high = -0.5 / share * (1.0 - 1e-12), np.full(distances.size, 0.5 * (1.0 - 1e-12))
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        slope = (scales / (1.0 - 2.0 * middle[:, None] * scales)).sum(axis=1)
        slope -= distances / (1.0 + 2.0 * middle * share)
        rising = slope > 0.0
        high, low = np.where(rising, middle, high), np.where(rising, low, middle)
    at = (low + high) / 2.0
    # At the mean itself the formula is 0/0, and its limit known from the third cumulant.
    variance = 2.0 * (scales**2).sum(axis=1) + 2.0 * distances * share
    third = 8.0 * (scales**3).sum(axis=1) - 8.0 * distances * share**2
    is_mean = np.abs(at) * np.sqrt(variance) < NEAR_MEAN
    limit = 0.5 - third / (6.0 * np.sqrt(2.0 * np.pi) * variance**1.5)
    at = np.where(is_mean, 0.25, at)
    inner, outer = 1.0 - 2.0 * at[:, None] * scales, 1.0 + 2.0 * at * share
    height = -0.5 * np.log(inner).sum(axis=1) - 0.5 * freedoms * np.log(outer)
    bend = 2.0 * ((scales / inner) ** 2).sum(axis=1) + 2.0 * freedoms * (share / outer) ** 2
    depth = np.sign(at) * np.sqrt(np.maximum(-2.0 * height, NEAR_MEAN**2 / 4.0))
    width = at * np.sqrt(bend)
    beyond = special.ndtr(-(depth + np.log(width / depth) / depth))
    found: Floats = np.clip(np.where(is_mean, limit, beyond), 0.0, 1.0)
    return found


def _effects(chances: Floats, covariances: Floats) -> Floats:
    """The mean over common bins of their long-run variance beside that of independent rows."""
    bins = chances[:, :DECISION_BINS]
    common = bins > 1.0 / (4.0 * DECISION_BINS)
    variances = np.diagonal(covariances, axis1=1, axis2=2)[:, :DECISION_BINS]
    ratios = variances / np.maximum(bins * (1.0 - bins), 1e-12) * common
    found: Floats = np.maximum(ratios.sum(axis=1) / np.maximum(common.sum(axis=1), 1), 1.0)
    return found

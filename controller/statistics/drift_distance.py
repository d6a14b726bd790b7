"""How far two binned distributions lie apart: effect sizes, from counts alone.

No size here says whether a feature moved: that depends on how many rows there are and on how they
depend on each other (`drift`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def population_stability_index(reference: Counts, current: Counts) -> float:
    """PSI over the cells that occur in either; half a row is added to each so that all exist."""
    there = (reference + current) > 0
    if not there.any() or not current.sum():
        return 0.0
    smoothed = [counts[there] + 0.5 for counts in (reference, current)]
    expected, seen = (counts / counts.sum() for counts in smoothed)
    return float(((seen - expected) * np.log(seen / expected)).sum())


def population_stability_indices(
    references: NDArray[np.int64], currents: NDArray[np.int64]
) -> NDArray[np.float64]:
    """`population_stability_index` of each row, to the last bit, in a few calls for all."""
    there = (references + currents) > 0
    found = np.zeros(len(references))
    patterns = there @ (1 << np.arange(there.shape[1]))
    patterns[~currents.any(axis=1)] = 0
    for pattern in set(patterns.tolist()) - {0}:
        # The same cells, so the same order of additions as one by one.
        alike = patterns == pattern
        cells = there[alike.argmax()]
        both = np.stack((references[alike], currents[alike]))
        smoothed = np.ascontiguousarray(both[:, :, cells]) + 0.5
        expected, seen = smoothed / smoothed.sum(axis=2, keepdims=True)
        found[alike] = ((seen - expected) * np.log(seen / expected)).sum(axis=1)
    return found


def kolmogorov_smirnov(reference: Counts, current: Counts) -> float:
    """Largest distance between the two distributions at the bin edges; nulls come last."""
    if not current.sum():
        return 0.0
    gaps = np.cumsum(reference) / reference.sum() - np.cumsum(current) / current.sum()
    return float(np.abs(gaps).max())


def kolmogorov_smirnovs(references: Counts, currents: Counts) -> Floats:
    """`kolmogorov_smirnov` of each row."""
    sizes = np.maximum(currents.sum(axis=1, keepdims=True), 1)
    gaps = references.cumsum(axis=1) / references.sum(axis=1, keepdims=True)
    gaps -= currents.cumsum(axis=1) / sizes
    return np.where(currents.any(axis=1), np.abs(gaps).max(axis=1), 0.0)


def wasserstein(edges: Floats, reference: Counts, current: Counts) -> float:
    """Wasserstein-1 distance of the finite values, in interquartile ranges of the reference.

    ``edges`` ascend and are one fewer than the bins counted. Within a bin values are taken as
    evenly spread, and the outermost bins as one interquartile range wide, so a shift beyond them is
    no longer told from a larger one (8 bins of a normal, shifts of 0.25, 0.5, 1 and 2 standard
    deviations: 1.02, 1.01, 0.96 and 0.79 of the truth). NaN when either has no rows or the
    reference no range.
    """
    knots, scale = knots_of(edges, reference)
    return float(wassersteins(knots[None], np.array([scale]), reference[None], current[None])[0])


def knots_of(edges: Floats, reference: Counts) -> tuple[Floats, float]:
    """Where the distribution functions are known: edges and both ends; and the reference's
    interquartile range, 0 where there is none."""
    upto = reference.cumsum()[:-1] / max(int(reference.sum()), 1)
    if edges.size < 2:
        return np.zeros(edges.size + 2), 0.0
    low, high = np.interp([0.25, 0.75], upto, edges)
    range_ = float(high - low)
    first, last = edges[:1] - range_, edges[-1:] + range_
    return np.concatenate((first, edges, last)), range_


def wassersteins(knots: Floats, scales: Floats, references: Counts, currents: Counts) -> Floats:
    """`wasserstein` of each row. Knots in shape (many, bins + 1), counts in shape (many, bins)."""
    sizes = currents.sum(axis=1), references.sum(axis=1)
    known = (scales > 0.0) & (sizes[0] > 0) & (sizes[1] > 0)
    gaps = currents.cumsum(axis=1) / np.maximum(sizes[0], 1)[:, None]
    gaps -= references.cumsum(axis=1) / np.maximum(sizes[1], 1)[:, None]
    ends = np.abs(gaps)
    left, right = np.zeros_like(gaps), ends
    left[:, 1:] = ends[:, :-1]
    crossed = np.zeros_like(gaps, dtype=np.bool_)
    crossed[:, 1:] = gaps[:, :-1] * gaps[:, 1:] < 0.0
    both = np.where(left + right > 0.0, left + right, 1.0)
    # The area between two lines: a trapezoid, or two triangles where they cross.
    areas = np.where(crossed, (left**2 + right**2) / both, left + right) / 2.0
    total = (areas * np.diff(knots, axis=1)).sum(axis=1)
    return np.where(known, total / np.where(known, scales, 1.0), np.nan)

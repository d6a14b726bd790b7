"""Has a feature's distribution moved away from its reference? Decided from bin counts alone.

A window's rows depend on each other (one user asks often, hours differ), so a plain chi-square
cries wolf. Where the reference says how its own rows depend (`drift_null`), that is the null;
where it does not, or where the window's rows depend far more than the reference's did, the window's
own blocks are (`rao_scott`). Dependence that reaches over whole blocks cannot be measured by them:
then there is no verdict. Measured at `level_of` against references of 50,000 rows, by simulation
(`benchmarks/monitors_drift.py`): a healthy feature is flagged in at most 1 % of windows of 100
independent rows, and in 3.3 % of 1,000 rows of an AR(1) of 0.9; a shift of half a standard
deviation is found in 92 % of the latter; an AR(1) of 0.99 has no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.statistics.discoveries import passing
from controller.statistics.drift_distance import kolmogorov_smirnov, population_stability_index
from controller.statistics.drift_null import REFERENCE_BLOCK_ROWS, KnownNull
from controller.statistics.rao_scott import rao_scott_p_values
from controller.statistics.reference_bins import DECISION_BINS, ReferenceBins

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

ALPHA = 0.05
FEW_ROWS_ALPHA = 0.008
"""At 0.01 itself, simulation gave 0.98 to 1.1 %: on the border of the one in a hundred."""
LEAST_PSI = 0.1
"""The customary border of a shift worth acting on; below it no sample size makes one."""
LEAST_ROWS = 500
"""For the window's own blocks; also what a monitor waits for."""
LEAST_ROWS_KNOWN = 100
"""Where the reference's dependence is known."""
LEAST_BLOCKS = 5
LEAST_BLOCK_ROWS = 100
MOST_BLOCKS = 15
LEAST_EFFECTIVE_ROWS = 20
"""Fewer independent rows than this say nothing about eight bins."""
BLOCK_PER_EFFECT = 10
"""A block must be so many times longer than dependence widens the scatter, or it is too short to
have seen all of it (an AR(1) of 0.99 in blocks of 250: 32 times as wide, and still a third short).
"""
MOST_EFFECT_RATIO = 2.5
"""Where the window scatters so many times more than the reference, the reference is no null."""


@dataclass(frozen=True, slots=True)
class DriftResult:
    """``psi`` and ``ks`` are effect sizes; ``p_value`` is None when there are too few rows."""

    psi: float
    ks: float
    p_value: float | None
    rows: int
    blocks: int


def level_of(rows: int) -> float:
    """At which a single window is judged: stricter while there are few rows."""
    return ALPHA if rows >= LEAST_ROWS else FEW_ROWS_ALPHA


def compare(reference: ReferenceBins, blocks: NDArray[np.int64]) -> DriftResult:
    """Compare blocks of a window, in time order and shape (blocks, cells), with a reference."""
    total = blocks.sum(axis=0)
    rows = int(total.sum())
    psi = population_stability_index(reference.counts, total)
    ks = kolmogorov_smirnov(reference.counts, total)
    joined = join_blocks(blocks)
    known = KnownNull.of([reference])
    whole = joined if len(joined) else total[None]
    p_value = p_values(known, np.zeros(1, np.int64), reference.counts[None], whole[None]).item()
    return DriftResult(psi, ks, None if np.isnan(p_value) else p_value, rows, len(joined))


def p_values(null: KnownNull, places: Counts, references: Counts, blocks: Counts) -> Floats:
    """Chance of counts this far off if nothing moved; NaN where nothing can be said.

    Of the features in these ``places`` of ``null``, whose references have shape (places, cells)
    and whose joined blocks have shape (places, blocks, cells); a single block is a mere total.
    """
    rows = blocks.sum(axis=(1, 2))
    found = np.full(len(places), np.nan)
    effects = null.effects[places]
    is_known = is_told(null, places, rows)
    if is_known.any():
        totals = blocks[is_known].sum(axis=1)
        found[is_known] = null.p_values(places[is_known], totals)
    if blocks.shape[1] < LEAST_BLOCKS:
        return found
    own_effects = block_effects(blocks)
    # What a reference of other, or of no, dependence cannot tell, the window itself does.
    by_itself = (rows >= LEAST_ROWS) & (
        ~null.is_known[places] | (own_effects > MOST_EFFECT_RATIO * effects)
    )
    if by_itself.any():
        found[by_itself] = rao_scott_p_values(references[by_itself], blocks[by_itself])
        too_short = own_effects * BLOCK_PER_EFFECT > rows / blocks.shape[1]
        found[by_itself & too_short] = np.nan
    return found


def is_told(null: KnownNull, places: Counts, rows: Counts) -> NDArray[np.bool_]:
    """Of which features the reference alone can judge so many rows."""
    enough = (rows >= LEAST_ROWS_KNOWN) & (
        null.effective_rows(places, rows) >= LEAST_EFFECTIVE_ROWS
    )
    seen = null.effects[places] * BLOCK_PER_EFFECT <= REFERENCE_BLOCK_ROWS
    return null.is_known[places] & enough & seen


def block_effects(blocks: Counts) -> Floats:
    """By how much dependence widens the scatter of common bins, seen between blocks: 1 for none.

    Blocks in shape (many, blocks, cells).
    """
    bins = blocks[:, :, :DECISION_BINS].astype(np.float64)
    sizes = blocks.sum(axis=2).astype(np.float64)
    rows = sizes.sum(axis=1)
    seen = bins.sum(axis=1) / np.maximum(rows, 1.0)[:, None]
    off = bins - sizes[:, :, None] * seen[:, None, :]
    count = blocks.shape[1]
    variances = (off**2).sum(axis=1) * count / (count - 1) / np.maximum(rows, 1.0)[:, None]
    common = seen > 1.0 / (4.0 * DECISION_BINS)
    ratios = variances / np.maximum(seen * (1.0 - seen), 1e-12) * common
    found: Floats = np.maximum(ratios.sum(axis=1) / np.maximum(common.sum(axis=1), 1), 1.0)
    return found


def join_blocks(blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join neighbours until each block has its least rows and there are not too many blocks."""
    ends = joined_ends(blocks.sum(axis=1).tolist())
    if not ends:
        return np.zeros((0, blocks.shape[1]), dtype=np.int64)
    # What is left over at the end goes to the last block.
    return np.add.reduceat(blocks, [0, *ends[:-1]], axis=0)


def joined_ends(sizes: Sequence[int]) -> list[int]:
    """After which blocks `join_blocks` ends one of its own."""
    least = max(LEAST_BLOCK_ROWS, -(-sum(sizes) // MOST_BLOCKS))
    ends, pending = [], 0
    for place, size in enumerate(sizes, 1):
        pending += size
        if pending >= least:
            ends.append(place)
            pending = 0
    return ends


def is_enough(sizes: Sequence[int]) -> bool:
    """Whether blocks of these sizes are enough for a verdict of their own."""
    return sum(sizes) >= LEAST_ROWS and len(joined_ends(sizes)) >= LEAST_BLOCKS


def shifted(results: Mapping[str, DriftResult], alpha: float | None = None) -> list[str]:
    """Names that moved: false discoveries controlled over all of them, and a least effect.

    Benjamini-Hochberg over those with a p-value, then PSI at least `LEAST_PSI`. Without ``alpha``
    at the level that the smallest of these windows allows.
    """
    tested = {name: r.p_value for name, r in results.items() if r.p_value is not None}
    if alpha is None:
        alpha = level_of(min((results[name].rows for name in tested), default=0))
    return [name for name in discoveries(tested, alpha) if results[name].psi >= LEAST_PSI]


def discoveries(p_values: Mapping[str, float], alpha: float = ALPHA) -> list[str]:
    """Names that Benjamini and Hochberg's rule lets pass, in order."""
    passed = passing(np.array(list(p_values.values()), dtype=np.float64), alpha)
    return sorted(name for name, passes in zip(p_values, passed.tolist(), strict=True) if passes)

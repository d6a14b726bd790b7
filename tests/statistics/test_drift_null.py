"""How often drift is seen where there is none, and how often it is found: by simulation.

The seed is fixed, so the rates are too; the bounds are those the module's docstring states, with
room for what 2,000 windows leave open (two standard errors of 5 % are 1 %).
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from controller.statistics.drift import ALPHA, compare
from controller.statistics.reference_bins import CELLS, DECISION_BINS, ReferenceBins

WINDOWS = 2_000
ROWS = 1_000
SLOT_ROWS = 50
EDGES = stats.norm.ppf(np.arange(1, DECISION_BINS) / DECISION_BINS)
COUNTS = np.array([6_250] * DECISION_BINS + [0] * (CELLS - DECISION_BINS), dtype=np.int64)
REFERENCE = ReferenceBins(EDGES, COUNTS)


def autoregressive(phi: float, seed: int, rows: int = ROWS) -> NDArray[np.float64]:
    """Windows of standard normal rows, each like the one before it by ``phi``."""
    noise = np.random.default_rng(seed).normal(size=(WINDOWS, rows))
    values = np.empty_like(noise)
    values[:, 0] = noise[:, 0]
    for row in range(1, rows):
        values[:, row] = phi * values[:, row - 1] + np.sqrt(1 - phi**2) * noise[:, row]
    return values


def flagged_share(values: NDArray[np.float64]) -> float:
    """Share of windows a healthy feature's p-value falls below alpha."""
    cells = np.searchsorted(EDGES, values)
    flagged = 0
    for window in cells.reshape(WINDOWS, -1, SLOT_ROWS):
        blocks = np.array([np.bincount(slot, minlength=CELLS) for slot in window])
        p_value = compare(REFERENCE, blocks).p_value
        flagged += p_value is not None and p_value <= ALPHA
    return flagged / WINDOWS


@pytest.mark.parametrize(("phi", "most"), [(0.0, 0.05), (0.5, 0.05), (0.9, 0.065)])
def test_healthy_windows_are_rarely_flagged(phi: float, most: float) -> None:
    share = flagged_share(autoregressive(phi, seed=11))
    assert 0.005 < share <= most


@pytest.mark.parametrize(("phi", "least"), [(0.0, 0.999), (0.9, 0.85)])
def test_half_a_standard_deviation_is_found(phi: float, least: float) -> None:
    assert flagged_share(autoregressive(phi, seed=12) + 0.5) >= least


def test_a_plain_chi_square_would_cry_wolf_on_the_same_rows() -> None:
    cells = np.searchsorted(EDGES, autoregressive(0.9, seed=11))
    flagged = sum(
        stats.chisquare(np.bincount(window, minlength=DECISION_BINS)).pvalue <= ALPHA
        for window in cells
    )
    assert flagged / WINDOWS > 0.7

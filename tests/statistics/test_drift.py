"""Drift measured from counts: effect sizes, verdicts, and what they must not be fooled by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.statistics.drift import LEAST_PSI, DriftResult, compare, join_blocks, shifted
from controller.statistics.drift_distance import kolmogorov_smirnov, population_stability_index
from controller.statistics.reference_bins import (
    CELLS,
    DECISION_BINS,
    INFINITE_CELL,
    NULL_CELL,
    ReferenceBins,
)

RNG_SEED = 5


def blocks_of(bins: ReferenceBins, values: np.ndarray, size: int = 50) -> np.ndarray:
    cells = bins.cells_of(values)
    return np.array(
        [np.bincount(cells[n : n + size], minlength=CELLS) for n in range(0, len(cells), size)]
    )


@pytest.fixture(scope="module")
def normal() -> ReferenceBins:
    """64 fine bins of 50,000 training rows."""
    values = np.random.default_rng(1).normal(size=50_000)
    edges = np.quantile(values, np.arange(1, 64) / 64)
    counts = np.bincount(np.searchsorted(edges, values), minlength=64)
    return ReferenceBins.of(edges, counts, null_count=10)


def test_fine_bins_are_joined_into_eight_of_equal_weight(normal) -> None:
    inner = normal.counts[:DECISION_BINS]
    assert normal.edges.size == DECISION_BINS - 1
    assert inner.sum() == 50_000
    assert np.abs(inner / 50_000 - 1 / DECISION_BINS).max() < 0.01
    assert normal.counts[NULL_CELL] == 10


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40))
@settings(max_examples=100)
def test_joining_loses_no_row_of_the_reference(counts) -> None:
    if not sum(counts):
        return
    edges = np.arange(len(counts) - 1, dtype=np.float64)
    bins = ReferenceBins.of(edges, np.array(counts), 3)
    assert bins.counts.sum() == sum(counts) + 3
    midpoints = np.repeat(np.arange(len(counts)) - 0.5, counts)
    again = np.bincount(bins.cells_of(midpoints), minlength=CELLS)
    assert (again[:DECISION_BINS] == bins.counts[:DECISION_BINS]).all()


def test_a_value_on_an_edge_belongs_below_it() -> None:
    bins = ReferenceBins.of(np.array([1.0, 2.0]), np.array([5, 5, 5]), 0)
    assert bins.cells_of(np.array([1.0, 1.1, 2.0, 2.1])).tolist() == [0, 1, 1, 2]


def test_null_and_infinite_values_have_cells_of_their_own(normal) -> None:
    cells = normal.cells_of(np.array([np.nan, np.inf, -np.inf]))
    assert cells.tolist() == [NULL_CELL, INFINITE_CELL, INFINITE_CELL]


@pytest.mark.parametrize(
    ("edges", "counts"),
    [([1.0], [1]), ([2.0, 1.0], [1, 1, 1]), ([1.0], [-1, 2]), ([], [0]), ([np.nan], [1, 1])],
)
def test_bins_that_are_no_bins_are_refused(edges, counts) -> None:
    with pytest.raises(ValueError, match="reference"):
        ReferenceBins.of(np.array(edges), np.array(counts), 0)


def test_psi_and_ks_of_the_same_distribution_are_zero(normal) -> None:
    assert population_stability_index(normal.counts, normal.counts) == pytest.approx(0.0)
    assert kolmogorov_smirnov(normal.counts, normal.counts) == pytest.approx(0.0)


def test_psi_of_a_known_case() -> None:
    reference, current = np.array([100_000, 100_000]), np.array([150_000, 50_000])
    exact = 0.25 * np.log(1.5) + -0.25 * np.log(0.5)
    assert population_stability_index(reference, current) == pytest.approx(exact, rel=1e-4)
    assert kolmogorov_smirnov(reference, current) == pytest.approx(0.25)


def test_one_outlier_in_ten_thousand_changes_psi_by_less_than_a_percent(normal) -> None:
    values = np.random.default_rng(RNG_SEED).normal(size=10_000) + 1.0
    clean = compare(normal, blocks_of(normal, values)).psi
    values[17] = 1e9
    assert compare(normal, blocks_of(normal, values)).psi == pytest.approx(clean, rel=0.01)
    assert clean > 0.5


def test_half_the_values_becoming_null_is_seen(normal) -> None:
    generator = np.random.default_rng(RNG_SEED)
    values = generator.normal(size=2_000)
    values[generator.random(2_000) < 0.5] = np.nan
    result = compare(normal, blocks_of(normal, values))
    assert shifted({"clicks": result}) == ["clicks"]


def test_an_irrelevant_shift_is_not_acted_on_however_many_rows(normal) -> None:
    values = np.random.default_rng(RNG_SEED).normal(size=200_000) + 0.05
    result = compare(normal, blocks_of(normal, values, 1_000))
    assert result.p_value < 1e-6
    assert shifted({"clicks": result}) == []


def test_a_constant_feature_that_stays_constant_has_not_moved() -> None:
    bins = ReferenceBins.of(np.array([0.0]), np.array([50_000, 0]), 0)
    result = compare(bins, blocks_of(bins, np.zeros(1_000)))
    assert shifted({"constant": result}) == []


def test_a_constant_feature_that_jumps_has_moved() -> None:
    bins = ReferenceBins.of(np.array([0.0]), np.array([50_000, 0]), 0)
    result = compare(bins, blocks_of(bins, np.full(1_000, 7.0)))
    assert shifted({"constant": result}) == ["constant"]


def test_too_few_rows_give_no_verdict(normal) -> None:
    values = np.random.default_rng(RNG_SEED).normal(size=400) + 3.0
    result = compare(normal, blocks_of(normal, values))
    assert result.p_value is None
    assert shifted({"clicks": result}) == []


def test_blocks_are_joined_without_losing_rows() -> None:
    blocks = np.ones((70, CELLS), dtype=np.int64)
    joined = join_blocks(blocks)
    assert joined.sum() == blocks.sum()
    assert (joined.sum(axis=1) >= 100).all()


def test_false_discoveries_are_controlled_over_all_features() -> None:
    def result(p_value: float) -> DriftResult:
        return DriftResult(LEAST_PSI, 0.2, p_value, 1_000, 10)

    results = {"a": result(0.001), "b": result(0.02), "c": result(0.04), "d": result(0.9)}
    assert shifted(results) == ["a", "b"]

"""A column's counts are those of its bins, however they are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.statistics.binning import GRID_CELLS, ColumnBins, count_columns


def exact(bins: ColumnBins, values: np.ndarray) -> list[int]:
    finite = values[np.isfinite(values)]
    places = bins.edges.searchsorted(finite, side="left")
    inner = np.bincount(places, minlength=bins.edges.size + 1).tolist()
    nulls = int(np.isnan(values).sum())
    return [*inner, nulls, values.size - finite.size - nulls]


@given(seed=st.integers(0, 2**32), size=st.integers(1, 40_000), bins=st.integers(3, 128))
@settings(max_examples=20, deadline=None)
def test_grid_counts_are_those_of_the_snapped_edges(seed: int, size: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    known = ColumnBins.fit(rng.normal(3.0, 2.0, size=20_000), bins)
    values = rng.normal(2.0, 3.0, size=size)
    assume(known.firsts is not None)  # few rows in many bins may not fit the grid
    assert known.count(values).tolist() == exact(known, values)


def test_snapping_moves_an_edge_by_at_most_half_a_grid_cell() -> None:
    values = np.random.default_rng(1).normal(size=50_000)
    known = ColumnBins.fit(values, 128)
    edges = np.quantile(values, np.arange(1, 128) / 128)
    half = (edges[-1] - edges[0]) / GRID_CELLS / 2.0
    assert np.abs(known.edges - edges).max() <= half * (1.0 + 1e-9)
    shares = known.counts[:128] / values.size * 128
    assert np.abs(shares - 1.0).max() < 0.1


def test_null_and_infinite_values_are_counted_apart() -> None:
    rng = np.random.default_rng(2)
    known = ColumnBins.fit(rng.normal(size=10_000))
    values = rng.normal(size=70_000)
    values[::7] = np.nan
    values[[1, 2, 40_000]] = np.inf, -np.inf, np.inf
    assert known.count(values).tolist() == exact(known, values)
    assert known.count(values)[-2:].tolist() == [10_000, 3]


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(3).standard_cauchy(size=10_000),
        np.random.default_rng(3).integers(0, 5, size=10_000).astype(float) ** 9.0,
        np.full(100, 7.0),
        np.array([1.0, 2.0, 1e300, -1e300, 5e-324]),
        1e17 + np.arange(1_000) * 16.0,
    ],
    ids=["heavy tails", "ties", "constant", "huge", "far from zero"],
)
def test_a_column_that_does_not_fit_a_grid_is_counted_exactly(values: np.ndarray) -> None:
    known = ColumnBins.fit(values)
    assert known.firsts is None
    assert known.count(values).tolist() == exact(known, values)


def test_huge_finite_values_are_not_taken_for_infinite_ones() -> None:
    known = ColumnBins.fit(np.random.default_rng(4).normal(size=10_000))
    assert known.count(np.full(3, 1.7e308))[-3:].tolist() == [3, 0, 0]


@pytest.mark.parametrize(("values", "bins"), [([np.nan], 8), ([1.0, 2.0], 1)])
def test_what_cannot_be_binned_is_refused(values: list[float], bins: int) -> None:
    with pytest.raises(ValueError, match="column"):
        ColumnBins.fit(np.array(values), bins)


def test_columns_are_counted_each_with_its_own_bins() -> None:
    rng = np.random.default_rng(5)
    columns = [rng.normal(size=1_000), rng.exponential(size=1_000)]
    known = [ColumnBins.fit(column, 16) for column in columns]
    counts = count_columns(known, columns)
    assert [c.tolist() for c in counts] == [bins.counts.tolist() for bins in known]

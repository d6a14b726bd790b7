"""Effect sizes against their exact values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from controller.statistics.binning import ColumnBins
from controller.statistics.drift_distance import kolmogorov_smirnov, wasserstein

RNG_SEED = 3


@pytest.mark.parametrize("bins", [16, 128])
@pytest.mark.parametrize("shift", [0.25, 0.5])
def test_distances_from_bins_are_near_those_of_the_values(bins: int, shift: float) -> None:
    rng = np.random.default_rng(RNG_SEED)
    past, now = rng.normal(size=20_000), rng.normal(size=20_000) + shift
    known = ColumnBins.fit(past, bins)
    counts = known.count(now)
    quartile_range = stats.iqr(past)
    exact = stats.wasserstein_distance(past, now) / quartile_range
    found = wasserstein(known.edges, known.counts[:-2], counts[:-2])
    assert found == pytest.approx(exact, rel=0.12)
    exact_ks = stats.ks_2samp(past, now).statistic
    assert exact_ks - 1.0 / bins <= kolmogorov_smirnov(known.counts, counts) <= exact_ks + 1e-12


def test_crossing_distributions_lie_apart_though_their_means_are_one() -> None:
    edges = np.array([-1.0, 0.0, 1.0])
    narrow, wide = np.array([1, 9, 9, 1]), np.array([5, 5, 5, 5])
    assert wasserstein(edges, wide, narrow) > 0.1


def test_a_constant_reference_or_no_rows_have_no_wasserstein() -> None:
    assert np.isnan(wasserstein(np.array([1.0]), np.array([5, 0]), np.array([0, 5])))
    edges = np.array([1.0, 2.0, 3.0])
    assert np.isnan(wasserstein(edges, np.array([5, 5, 5, 5]), np.zeros(4, np.int64)))


def test_the_unit_of_a_feature_does_not_matter() -> None:
    edges, past, now = np.array([1.0, 2.0, 4.0]), np.array([5, 5, 5, 5]), np.array([2, 4, 6, 8])
    assert wasserstein(edges * 1e6, past, now) == pytest.approx(wasserstein(edges, past, now))

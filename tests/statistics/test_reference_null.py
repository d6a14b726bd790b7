"""A null that comes with the reference: right far out, and silent where it cannot know."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.drift_simulation import autoregressive, blocks_of, reference_of, window_rates
from controller.statistics.drift import compare, level_of, shifted
from controller.statistics.drift_null import tail
from controller.statistics.reference_bins import (
    CELLS,
    INFINITE_CELL,
    NULL_CELL,
    UNSEEN_CELL,
    ReferenceBins,
    ReferenceTable,
)

WINDOWS = 300


def test_the_tail_of_one_scale_is_a_chi_squares_or_an_f_also_far_out() -> None:
    distances = np.array([5.0, 15.0, 40.0, 60.0])
    scales = np.tile(np.array([2.0] * 7 + [0.0] * 4), (4, 1))
    found = tail(scales, np.full(4, 1e9), 2.0 * distances)
    assert found == pytest.approx(stats.chi2.sf(distances, 7), rel=0.03)
    estimated = tail(scales, np.full(4, 40.0), 2.0 * distances)
    assert estimated == pytest.approx(stats.f.sf(distances / 7, 7, 40), rel=0.03)


@given(st.lists(st.floats(0.0, 1e6), min_size=CELLS, max_size=CELLS), st.floats(0.0, 1e9))
@settings(max_examples=100, deadline=None)
def test_a_tail_is_a_probability_that_falls_with_distance(scales, distance) -> None:
    twice = tail(np.array([scales] * 2), np.array([50.0] * 2), np.array([distance, 2 * distance]))
    assert 0.0 <= twice[1] <= twice[0] + 1e-9 <= 1.0 + 1e-9


def test_few_independent_rows_are_flagged_in_one_percent() -> None:
    assert level_of(100) < 0.01
    # Two standard errors of 300 windows are 1.1 %.
    assert window_rates(0.0, 100, 0.0, WINDOWS, seed=21).flagged <= 0.021


def test_dependent_rows_are_rarely_flagged_and_half_a_sigma_is_found() -> None:
    assert window_rates(0.9, 1_000, 0.0, WINDOWS, seed=22).flagged <= 0.075
    assert window_rates(0.9, 1_000, 0.5, WINDOWS, seed=23).flagged >= 0.87


def test_dependence_beyond_a_block_gives_no_verdict() -> None:
    assert window_rates(0.99, 1_000, 0.0, 100, seed=24).untold >= 0.95


def test_a_reference_of_independent_rows_is_no_null_for_dependent_ones() -> None:
    rng = np.random.default_rng(25)
    reference = reference_of(rng.normal(size=50_000))
    flagged = [
        bool(shifted({"input": compare(reference, blocks_of(reference, values))}))
        for values in autoregressive(0.9, (200, 1_000), rng)
    ]
    assert np.mean(flagged) <= 0.09


def test_a_value_no_training_row_had_is_unseen_and_counts_as_drift() -> None:
    counts = np.array([20_000, 20_000, 10_000])
    codes = ReferenceBins.of(np.array([1.0, 2.0]), counts, 0, None, np.array([1.0, 2.0, 5.0]))
    values = np.array([1.0, 5.0, 1.5, 9.0, np.nan, np.inf, 2.0])
    cells = codes.cells_of(values).tolist()
    assert cells == [0, 2, UNSEEN_CELL, UNSEEN_CELL, NULL_CELL, INFINITE_CELL, 1]
    drawn = np.random.default_rng(26).choice([1.0, 2.0, 5.0], p=[0.4, 0.4, 0.2], size=2_000)
    assert shifted({"code": compare(codes, blocks_of(codes, drawn))}) == []
    drawn[::20] = 6.0
    assert shifted({"code": compare(codes, blocks_of(codes, drawn))}) == ["code"]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_all_features_at_once_have_the_cells_of_each_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features: dict[str, ReferenceBins] = {}
    for place in range(int(rng.integers(1, 8))):
        edges = np.unique(rng.normal(size=int(rng.integers(0, 30))).round(1))
        counts = rng.integers(1, 100, size=edges.size + 1)
        is_code = rng.random() < 0.5 and edges.size
        categories = np.append(edges, edges[-1] + 1.0) if is_code else None
        features[f"f{place}"] = ReferenceBins.of(edges, counts, 1, None, categories)
    table = ReferenceTable(features)
    rows = np.arange(len(features))
    values = rng.normal(size=(40, rows.size)).round(1)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[rng.random(values.shape) < 0.05] = -np.inf
    every = table.cells_of_table(values.T.copy()).T
    mixed = table.cells_of(np.tile(rows, 40), values.reshape(-1)).reshape(values.shape)
    assert every.tolist() == mixed.tolist()
    for row, name in enumerate(features):
        edges, categories = features[name].edges, features[name].categories
        expected = edges.searchsorted(values[:, row], side="left")
        if categories is not None:
            expected[~np.isin(values[:, row], categories)] = UNSEEN_CELL
        expected[np.isinf(values[:, row])] = INFINITE_CELL
        expected[np.isnan(values[:, row])] = NULL_CELL
        assert every[:, row].tolist() == expected.tolist()

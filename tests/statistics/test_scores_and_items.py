"""Buckets of either sign, bins of learnt scores, and counting distinct items by cells."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.statistics.distinct import CELLS, cells_of, distinct
from controller.statistics.score_bins import bin_of_cell, binned
from controller.statistics.signed_buckets import SignedBuckets

SCORES = SignedBuckets(scale=0.001, maximum=1e6, relative_error=0.015)


@given(st.floats(-1e6, 1e6))
def test_a_bucket_stands_for_what_is_in_it(value: float) -> None:
    shown = SCORES.value_at(int(SCORES.index(np.array([value]))[0]))
    assert abs(shown - value) <= 0.015 * math.hypot(value, 0.001)


@given(st.lists(st.floats(allow_nan=False), min_size=2))
def test_buckets_keep_the_order_of_values(values: list[float]) -> None:
    assert (np.diff(SCORES.index(np.sort(values))) >= 0).all()


def test_what_is_too_large_for_the_layout_shows_as_its_end() -> None:
    ends = SCORES.index(np.array([-math.inf, -1e9, 1e9, math.inf])).tolist()
    assert [SCORES.value_at(bucket) for bucket in ends] == [-1e6, -1e6, 1e6, 1e6]


def test_a_layout_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="0 < scale < maximum"):
        SignedBuckets(scale=0.0, maximum=1.0, relative_error=0.01)


def test_bins_of_learnt_scores_are_of_about_equal_size_and_lose_nothing() -> None:
    counts = np.bincount(SCORES.index(np.random.default_rng(3).normal(size=20_000)))
    bins = binned(counts, bin_of_cell(counts, 10), 10)
    assert bins.sum() == 20_000
    assert bins == pytest.approx(np.full(10, 2_000), rel=0.1)


@pytest.mark.parametrize("names", ["{}", "item-{:05d}", "{:036d}", "é{:x}"])
@pytest.mark.parametrize("count", [10, 500, 10_000])
def test_distinct_items_are_counted_within_a_few_percent(names: str, count: int) -> None:
    items = pa.array([names.format(n) for n in range(count)] * 2)
    filled = len(np.unique(cells_of(items)))
    assert distinct(filled) == pytest.approx(count, rel=0.06)


def test_the_cell_of_a_name_depends_on_the_name_alone() -> None:
    items = pa.array(["a", None, "", "longer than a word", "b", "longer than a word"])
    cells = cells_of(items)
    assert cells[1] == -1
    assert cells[3] == cells[5] == cells_of(pa.array(["longer than a word"]))[0]
    assert cells_of(items.slice(2, 3)).tolist() == cells[2:5].tolist()
    assert 0 <= cells[0] < CELLS
    assert cells_of(items.slice(0, 0)).size == 0


def test_when_no_cell_is_empty_the_count_is_capped() -> None:
    assert distinct(0) == 0.0
    assert distinct(CELLS) == pytest.approx(CELLS * math.log(2 * CELLS))

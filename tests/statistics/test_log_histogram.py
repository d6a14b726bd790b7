"""Latency quantiles are within one percent, and merging is exact in any order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from controller.statistics.log_histogram import LogBuckets, LogHistogram

BUCKETS = LogBuckets(least=0.05, maximum=60_000.0)
latencies = st.floats(0.05, 60_000.0, allow_nan=False)


def histogram_of(values: list[float]) -> LogHistogram:
    histogram = LogHistogram(BUCKETS)
    histogram.record(np.array(values, dtype=np.float64))
    return histogram


@given(st.lists(latencies, min_size=1, max_size=200), st.floats(0.0, 1.0))
@hypothesis_settings(max_examples=200)
def test_a_quantile_is_within_one_percent_of_the_nearest_rank(values, share) -> None:
    exact = sorted(values)[max(1, math.ceil(share * len(values) - 1e-9)) - 1]
    found = histogram_of(values).quantile(share)
    assert abs(found - exact) <= 0.01 * exact


@given(st.lists(latencies, max_size=50), st.lists(latencies, max_size=50))
@hypothesis_settings(max_examples=50)
def test_merging_equals_recording_everything_at_once(one, two) -> None:
    forth, back = histogram_of(one), histogram_of(two)
    forth.merge(histogram_of(two))
    back.merge(histogram_of(one))
    assert (forth.counts == back.counts).all()
    assert (forth.counts == histogram_of(one + two).counts).all()
    assert forth.total == len(one) + len(two)


def test_single_precision_input_keeps_the_promise() -> None:
    values = np.geomspace(0.05, 60_000.0, 20_001).astype(np.float32)
    shown = np.array([BUCKETS.value_at(int(place)) for place in BUCKETS.index(values)])
    assert np.abs(shown / values.astype(np.float64) - 1.0).max() <= 0.01


@pytest.mark.parametrize("value", [60_000.1, 1e12, math.inf, math.nan], ids=str)
def test_what_cannot_be_measured_reads_as_the_maximum(value: float) -> None:
    assert histogram_of([10.0, value]).quantile(1.0) == 60_000.0


@pytest.mark.parametrize("value", [0.0, -3.0, 0.04])
def test_what_is_below_the_least_reads_as_the_least(value: float) -> None:
    assert histogram_of([value]).quantile(0.5) == 0.05


def test_nothing_counted_has_no_quantile() -> None:
    assert LogHistogram(BUCKETS).quantile(0.95) is None


def test_different_layouts_do_not_merge() -> None:
    with pytest.raises(ValueError, match="different buckets"):
        LogHistogram(BUCKETS).merge(LogHistogram(LogBuckets(0.1, 60_000.0)))


@pytest.mark.parametrize("bad", [(0.0, 1.0, 0.01), (2.0, 1.0, 0.01), (1.0, 2.0, 1.0)])
def test_impossible_layouts_are_refused(bad) -> None:
    with pytest.raises(ValueError, match="buckets need"):
        LogBuckets(*bad)


def test_a_whole_layout_is_small() -> None:
    assert BUCKETS.size < 720

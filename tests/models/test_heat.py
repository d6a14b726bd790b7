"""Heat knows no traffic: a busier hour with the same mix looks the same, another mix does not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.statistics import drift, drift_distance, reference_bins
from models.artifact import Trained
from models.events import ClickHistory, Events, events_from
from models.factorization import Factorization
from models.gates import features_at
from models.heat import heat_of
from models.recommender import FeatureValues
from serving.pipeline.feature_faults import other_items, shifted_counts

MOMENTS = 1_500
DENSER = 20.0
HEAT_INPUTS = {"recent_heat", "top_heat"}


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=50), st.integers(2, 100))
def test_heat_keeps_the_order_of_counts_and_nearly_their_size(
    counts: list[int], times: int
) -> None:
    clicks = np.array(counts) + 20
    once, denser = heat_of(clicks), heat_of(clicks * times)
    assert (np.diff(once[np.argsort(clicks)]) >= 0.0).all()
    assert np.abs(once - denser).max() < 0.05
    assert once.min() > np.log(0.5)


def test_an_hour_without_clicks_heats_nothing_and_one_click_only_a_little() -> None:
    assert not heat_of(np.zeros(1_000)).any()
    assert len(heat_of(np.zeros(0))) == 0
    one = np.zeros(1_000)
    one[3] = 1.0
    assert 0.0 < heat_of(one)[3] < np.log(3.0)


@pytest.fixture(scope="module")
def world(table: pa.Table, model: Trained) -> tuple[Factorization, list[tuple[int, FeatureValues]]]:
    """A model, and requests of the past with the features of their moments."""
    events: Events = events_from(table)
    history = ClickHistory(events)
    rows = np.sort(np.random.default_rng(0).choice(len(events), MOMENTS, replace=False))
    requests = [
        (int(events.user_ids[user]), features_at(events, history, int(user), float(at_s)))
        for user, at_s in zip(events.user[rows], events.at_s[rows], strict=True)
    ]
    return Factorization.from_arrays("v", model.arrays, model.parameters), requests


def stability(
    model: Factorization, trained: Trained, requests: list[tuple[int, FeatureValues]]
) -> dict[str, float]:
    """PSI of each input against the reference the model was trained with."""
    rows = [model.recommend(user, 10, features).inputs for user, features in requests]
    found = {}
    for bins in trained.reference:
        reference = reference_bins.ReferenceBins.of(
            np.array(bins.edges), np.array(bins.counts), bins.null_count
        )
        cells = reference.cells_of(np.array([row[bins.feature] for row in rows]))
        counts = np.bincount(cells, minlength=reference_bins.CELLS)
        found[bins.feature] = drift_distance.population_stability_index(reference.counts, counts)
    return found


def test_a_denser_hour_of_the_same_mix_shifts_no_input(
    world: tuple[Factorization, list[tuple[int, FeatureValues]]], model: Trained
) -> None:
    recommender, requests = world
    rng = np.random.default_rng(1)
    denser = [
        (
            user,
            FeatureValues(
                features.recent_items,
                {
                    item: float(rng.poisson(DENSER * count))
                    for item, count in features.item_counts_1h.items()
                },
            ),
        )
        for user, features in requests
    ]
    shifts = stability(recommender, model, denser)
    assert shifts.keys() >= HEAT_INPUTS
    assert max(shifts.values()) < drift.LEAST_PSI, shifts


def test_garbled_counters_shift_the_heat(
    world: tuple[Factorization, list[tuple[int, FeatureValues]]], model: Trained, table: pa.Table
) -> None:
    recommender, requests = world
    items = sorted(set(table["item_id"].to_pylist()))
    garbled = [
        (
            user,
            FeatureValues(
                features.recent_items, shifted_counts(features.item_counts_1h, items, 5.0)
            ),
        )
        for user, features in requests
    ]
    shifts = stability(recommender, model, garbled)
    assert max(shifts[name] for name in HEAT_INPUTS) > 2.0 * drift.LEAST_PSI, shifts


def test_garbled_recent_items_shift_what_is_said_of_them(
    world: tuple[Factorization, list[tuple[int, FeatureValues]]], model: Trained, table: pa.Table
) -> None:
    recommender, requests = world
    items = sorted(set(table["item_id"].to_pylist()))
    garbled = [
        (
            user,
            FeatureValues(
                tuple(other_items(features.recent_items, items)), features.item_counts_1h
            ),
        )
        for user, features in requests
    ]
    shifts = stability(recommender, model, garbled)
    assert shifts["recent_affinity"] > 2.0 * drift.LEAST_PSI, shifts

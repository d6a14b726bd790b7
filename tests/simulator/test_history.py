"""History teaches what the population is like."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from models.interactions import SCHEMA
from serving.routing.identity import hash_user
from simulator.population import Population
from simulator.population.history import SLATE_SIZE, history

NOW_S = 1_700_000_000.0
KEY = b"a key"


def test_history_has_the_columns_models_learn_from(population: Population) -> None:
    table = history(population, 1, 6.0, NOW_S, key=KEY, slates=500)
    assert [(field.name, field.type) for field in table.schema] == [
        (field.name, field.type) for field in SCHEMA
    ]
    assert all(column.null_count == 0 for column in table.columns)
    assert set(table["source"].to_pylist()) == {"history"}
    assert table.num_rows % SLATE_SIZE == 0
    assert 300 < table.num_rows / SLATE_SIZE < 700


def test_rows_are_whole_slates_of_distinct_known_items_in_order_of_time(
    population: Population,
) -> None:
    table = history(population, 1, 6.0, NOW_S, key=KEY, slates=500)
    items = np.array(table["item_id"].to_pylist()).reshape(-1, SLATE_SIZE)
    assert all(len(set(slate)) == SLATE_SIZE for slate in items)
    assert set(items.ravel()) <= set(population.item_ids)
    positions = table["position"].to_numpy().reshape(-1, SLATE_SIZE)
    assert (positions == np.arange(SLATE_SIZE)).all()
    at_s = table["at_s"].to_numpy()
    assert (np.diff(at_s) >= 0).all()
    assert at_s.min() > NOW_S - 6 * 3600 - 3600
    assert at_s.max() < NOW_S
    ids = table["request_id"].to_pylist()
    assert len(set(ids)) == len(ids) / SLATE_SIZE


def test_user_ids_are_the_keyed_hashes_serving_uses(population: Population) -> None:
    table = history(population, 1, 6.0, NOW_S, key=KEY, slates=500)
    known = {hash_user(KEY, user) for user in population.user_ids}
    assert set(table["user_id"].to_pylist()) <= known


def test_the_same_seed_gives_the_same_history_and_another_seed_another(
    population: Population,
) -> None:
    one = history(population, 1, 6.0, NOW_S, key=KEY, slates=300)
    assert one.equals(history(population, 1, 6.0, NOW_S, key=KEY, slates=300))
    assert not one.equals(history(population, 2, 6.0, NOW_S, key=KEY, slates=300))


def test_history_is_biased_to_popular_items_and_to_the_top_but_shows_nearly_everything(
    population: Population,
) -> None:
    table = history(population, 1, 6.0, NOW_S, key=KEY, slates=4_000)
    rows = np.array([population.item_index[item] for item in table["item_id"].to_pylist()])
    shown = np.bincount(rows, minlength=len(population.item_ids))
    order = np.argsort(population.popularity)
    assert shown[order[-20:]].mean() > 3 * shown[order[:20]].mean()
    assert (shown > 0).mean() > 0.99
    clicked = table["clicked"].to_numpy(zero_copy_only=False).reshape(-1, SLATE_SIZE)
    assert clicked[:, 0].mean() > 2 * clicked[:, -1].mean()
    assert 0.005 < pc.mean(table["clicked"].cast("int8")).as_py() < 0.1

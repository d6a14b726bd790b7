"""Training: what it learns, what it refuses, what its gate and reference say."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.artifact import Trained
from models.events import ClickHistory, events_from
from models.factorization import INPUT_NAMES, Factorization
from models.gates import features_at
from models.interactions import SCHEMA
from models.recommender import FeatureValues
from models.train import CLICKS_LEAST, TooLittle, train_factorization, train_popularity
from models.weights import with_negatives


def test_same_table_and_seed_give_the_same_model(table: pa.Table, model: Trained) -> None:
    one, other = model, train_factorization(table, seed=1)
    assert isinstance(other, Trained)
    assert one.parameters == other.parameters
    assert one.gate_metrics == other.gate_metrics
    assert one.reference == other.reference
    for name, array in one.arrays.items():
        assert np.array_equal(array, other.arrays[name])


def test_gate_beats_popularity_where_recent_items_and_the_hour_matter(model: Trained) -> None:
    metrics = model.gate_metrics
    assert metrics["hit_rate_at_10"] > 2 * metrics["popularity_hit_rate_at_10"]
    assert metrics["auc"] > metrics["popularity_auc"]
    assert metrics["passes"] == 1.0


def test_both_feature_groups_get_weight(model: Trained) -> None:
    parameters = model.parameters
    assert parameters["weight_recent"] > 0.0
    assert parameters["weight_hot"] > 0.0


def test_reference_counts_every_sampled_request_once_per_input(model: Trained) -> None:
    reference = model.reference
    assert sorted(bins.feature for bins in reference) == sorted(INPUT_NAMES)
    totals = {sum(bins.counts) + bins.null_count for bins in reference}
    assert len(totals) == 1
    for bins in reference:
        assert len(bins.counts) == len(bins.edges) + 1
        assert list(bins.edges) == sorted(set(bins.edges))
        assert all(map(math.isfinite, bins.edges))


def test_data_says_what_it_learned_from(table: pa.Table, model: Trained) -> None:
    data = model.data
    assert data["rows"] == len(table)
    assert data["clicks"] == pc.sum(table["clicked"]).as_py()
    assert data["last_at_s"] == pc.max(table["at_s"]).as_py()


def test_too_few_clicks_are_refused_with_numbers(table: pa.Table) -> None:
    refusal = train_factorization(table.slice(0, 200), seed=1)
    assert isinstance(refusal, TooLittle)
    assert str(CLICKS_LEAST) in str(refusal)
    assert isinstance(train_popularity(SCHEMA.empty_table()), TooLittle)


def test_one_item_is_refused(table: pa.Table) -> None:
    same = table.set_column(
        table.schema.get_field_index("item_id"), "item_id", pa.array(["one"] * len(table))
    )
    assert isinstance(train_factorization(same, seed=1), TooLittle)


def test_history_without_unclicked_rows_can_be_learned_from(table: pa.Table) -> None:
    clicks = table.filter(table["clicked"])
    history = clicks.set_column(
        clicks.schema.get_field_index("source"), "source", pa.array(["history"] * len(clicks))
    )
    examples = with_negatives(events_from(history), np.random.default_rng(1))
    assert 0 < examples.clicked.sum() < len(examples)
    result = train_factorization(history, seed=1)
    assert isinstance(result, Trained)
    metrics = result.gate_metrics
    assert metrics["hit_rate_at_10"] > metrics["popularity_hit_rate_at_10"]


def test_features_of_the_past_never_contain_the_request_itself(table: pa.Table) -> None:
    events = events_from(table)
    history = ClickHistory(events)
    clicks = events.rows(events.clicked)
    first = int(np.flatnonzero(clicks.user == clicks.user[300])[0])
    user, at_s = int(clicks.user[first]), float(clicks.at_s[first])
    assert history.recent(user, at_s) == []
    item = str(events.item_ids[clicks.item[first]])
    assert features_at(events, history, user, at_s + 0.001).recent_items == (item,)


def test_features_of_the_past_equal_a_count_by_hand(table: pa.Table) -> None:
    events = events_from(table)
    features = features_at(events, ClickHistory(events), 7, float(events.at_s[30_000]))
    rows = [row for row in table.to_pylist() if row["clicked"]]
    at_s = float(events.at_s[30_000])
    user_id = int(events.user_ids[7])
    mine = [r["item_id"] for r in rows if r["user_id"] == user_id and r["at_s"] < at_s]
    assert list(features.recent_items) == list(dict.fromkeys(reversed(mine)))[:20]
    hour = [r["item_id"] for r in rows if at_s - 3_600.0 <= r["at_s"] < at_s]
    assert dict(features.item_counts_1h) == {item: hour.count(item) for item in set(hour)}


def test_popularity_ranks_by_clicks_and_knows_every_item(table: pa.Table) -> None:
    result = train_popularity(table)
    assert isinstance(result, Trained)
    items = result.arrays["item_ids"].tolist()
    clicks = table.filter(table["clicked"])["item_id"].to_pylist()
    assert clicks.count(items[0]) == max(clicks.count(item) for item in items)
    assert set(items) == set(table["item_id"].to_pylist())


def model_of(result: Trained) -> Factorization:
    return Factorization.from_arrays("v", result.arrays, result.parameters)


def test_unknown_user_gets_a_full_slate(model: Trained) -> None:
    scored = model_of(model).recommend(2**63, 10, FeatureValues())
    assert len(set(scored.item_ids)) == 10
    assert list(scored.scores) == sorted(scored.scores, reverse=True)
    assert scored.inputs["user_norm"] == 0.0


def test_more_items_than_there_are_gives_all(model: Trained) -> None:
    assert len(model_of(model).recommend(1, 10_000, FeatureValues()).item_ids) == 120


def test_unknown_recent_items_and_counters_are_harmless(model: Trained) -> None:
    recommender = model_of(model)
    features = FeatureValues(("nothing", "known"), {"nothing": 5.0})
    scored = recommender.recommend(1, 10, features)
    assert scored.item_ids == recommender.recommend(1, 10, FeatureValues()).item_ids
    assert scored.inputs["recent_known_share"] == 0.0

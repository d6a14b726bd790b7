"""The features decide the slate: right ones raise the hit rate, wrong ones lower it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from models.artifact import Trained
from models.events import ClickHistory, Events, events_from
from models.factorization import Factorization
from models.gates import features_at
from models.recommender import FeatureValues
from models.train import train_factorization

Change = Callable[[FeatureValues, list[str]], FeatureValues]
CLICKS = 400


@pytest.fixture(scope="module")
def world(table: pa.Table) -> tuple[Factorization, ClickHistory, Events, Events]:
    """A model of the first nine tenths, and the clicks of the last one."""
    cut = int(len(table) * 0.9)
    result = train_factorization(table.slice(0, cut), seed=3)
    assert isinstance(result, Trained)
    events = events_from(table)
    late = events.rows(slice(cut, None))
    clicks = late.rows(late.clicked).rows(slice(0, CLICKS))
    model = Factorization.from_arrays("v", result.arrays, result.parameters)
    return model, ClickHistory(events), events, clicks


def hits(world: tuple[Factorization, ClickHistory, Events, Events], change: Change) -> int:
    model, history, events, clicks = world
    items = [str(item) for item in events.item_ids]
    count = 0
    for user, item, at_s in zip(clicks.user, clicks.item, clicks.at_s, strict=True):
        features = change(features_at(events, history, int(user), float(at_s)), items)
        slate = model.recommend(int(events.user_ids[user]), 10, features).item_ids
        count += items[item] in slate
    return count


def as_served(features: FeatureValues, _items: list[str]) -> FeatureValues:
    return features


def no_recent(features: FeatureValues, _items: list[str]) -> FeatureValues:
    return FeatureValues((), features.item_counts_1h)


def other_recent(features: FeatureValues, items: list[str]) -> FeatureValues:
    place = {item: index for index, item in enumerate(items)}
    half = len(items) // 2
    others = tuple(items[(place[item] + half) % len(items)] for item in features.recent_items)
    return FeatureValues(others, features.item_counts_1h)


def scrambled_hour(features: FeatureValues, items: list[str]) -> FeatureValues:
    wrong = dict(zip(items, np.random.default_rng(0).permutation(items).tolist(), strict=True))
    return FeatureValues(
        features.recent_items,
        {wrong[item]: 5.0 * count for item, count in features.item_counts_1h.items()},
    )


@pytest.mark.parametrize("change", [no_recent, other_recent, scrambled_hour])
def test_missing_or_wrong_features_lower_the_hit_rate(
    world: tuple[Factorization, ClickHistory, Events, Events], change: Change
) -> None:
    assert hits(world, change) < 0.9 * hits(world, as_served)


def test_stale_features_lower_the_hit_rate(
    world: tuple[Factorization, ClickHistory, Events, Events],
) -> None:
    model, history, events, clicks = world

    def hits_with_age(age_s: float) -> int:
        count = 0
        for user, item, at_s in zip(clicks.user, clicks.item, clicks.at_s, strict=True):
            features = features_at(events, history, int(user), float(at_s) - age_s)
            slate = model.recommend(int(events.user_ids[user]), 10, features).item_ids
            count += str(events.item_ids[item]) in slate
        return count

    assert hits_with_age(7_200.0) < 0.9 * hits_with_age(0.0)


def test_a_hot_item_rises_and_the_counters_are_read_anew(
    world: tuple[Factorization, ClickHistory, Events, Events],
) -> None:
    model, _, _, _ = world
    calm = model.recommend(1, 120, FeatureValues())
    last = calm.item_ids[-1]
    hot = model.recommend(1, 120, FeatureValues((), {last: 500.0}))
    assert hot.item_ids.index(last) < 60
    assert hot.inputs["top_heat"] != calm.inputs["top_heat"] == 0.0
    assert model.recommend(1, 120, FeatureValues()) == calm


def test_garbled_features_show_in_the_inputs(
    world: tuple[Factorization, ClickHistory, Events, Events],
) -> None:
    model, history, events, clicks = world
    items = [str(item) for item in events.item_ids]
    right, wrong = [], []
    for user, at_s in zip(clicks.user, clicks.at_s, strict=True):
        features = features_at(events, history, int(user), float(at_s))
        user_id = int(events.user_ids[user])
        right.append(model.recommend(user_id, 10, features).inputs["recent_affinity"])
        changed = other_recent(features, items)
        wrong.append(model.recommend(user_id, 10, changed).inputs["recent_affinity"])
    assert np.mean(right) > np.mean(wrong)

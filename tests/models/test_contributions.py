"""What each term added to the first item's score, and how alike a slate's items are."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from models.factorization import Factorization, Factors, Weights, diversity_of
from models.popularity import Popularity
from models.recommender import FeatureValues


def model(items: int = 50, dims: int = 4) -> Factorization:
    rng = np.random.default_rng(4)
    factors = Factors(
        user_ids=np.arange(3, dtype=np.uint64),
        users=rng.normal(size=(3, dims)).astype(np.float32),
        item_ids=np.array([f"i{n}" for n in range(items)]),
        items=rng.normal(size=(items, dims)).astype(np.float32),
        item_bias=rng.random(items).astype(np.float32),
    )
    return Factorization("v1", factors, Weights(repeat=3.0))


@pytest.mark.parametrize("user", [0, 99])
def test_contributions_sum_to_the_score_of_the_first_item(user: int) -> None:
    features = FeatureValues(("i3", "i4"), {"i5": 7.0, "i3": 2.0})
    scored = model().recommend(user, 10, features)
    assert sum(scored.contributions.values()) == pytest.approx(scored.scores[0], abs=1e-5)
    assert set(scored.contributions) - set(scored.inputs) == {"item_clicks"}


def test_diversity_is_the_mean_over_pairs_of_one_minus_cosine() -> None:
    rows = np.random.default_rng(5).normal(size=(6, 4))
    directions = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    pairs = [1.0 - float(a @ b) for a, b in combinations(directions, 2)]
    assert diversity_of(directions) == pytest.approx(np.mean(pairs), abs=1e-6)
    assert diversity_of(np.repeat(directions[:1], 5, axis=0)) == pytest.approx(0.0, abs=1e-6)
    assert diversity_of(directions[:1]) is None


def test_a_recommender_without_vectors_tells_neither() -> None:
    scored = Popularity("v1", np.array(["a", "b"]), np.array([2.0, 1.0])).recommend(
        1, 2, FeatureValues()
    )
    assert (scored.contributions, scored.diversity) == ({}, None)

"""The closed world in virtual time: a trained model is as good as its features are true."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from models.factorization import Factorization
from models.popularity import Popularity
from models.recommender import FeatureValues
from models.train import train_factorization, train_popularity
from serving.routing.identity import hash_user
from simulator.population import generated
from simulator.population.crowd import Crowd
from simulator.population.history import history

NOW_S = 1_700_000_000.0
KEY = b"a key"
RATE_PER_S = 10.0
FAULT_AT_S = 300.0
MEASURED_FROM_S = 400.0
END_S = 900.0
REFRESH_S = 5.0
Recents = dict[int, deque[str]]
Features = Callable[[float, int, Recents, Counter[str]], FeatureValues]

POPULATION = generated(1, users=400, items=400)


def _true(_: float, user: int, recents: Recents, counts: Counter[str]) -> FeatureValues:
    return FeatureValues(tuple(recents.get(user, ())), counts)


def _stale() -> Features:
    frozen: list[Any] = []

    def features(at_s: float, user: int, recents: Recents, counts: Counter[str]) -> FeatureValues:
        if at_s < FAULT_AT_S:
            return _true(at_s, user, recents, counts)
        if not frozen:
            frozen.extend([{u: tuple(items) for u, items in recents.items()}, dict(counts)])
        return FeatureValues(frozen[0].get(user, ()), frozen[1])

    return features


def _shifted(at_s: float, user: int, recents: Recents, counts: Counter[str]) -> FeatureValues:
    if at_s < FAULT_AT_S:
        return _true(at_s, user, recents, counts)
    ids, rows = POPULATION.item_ids, POPULATION.item_index
    strangers = tuple(ids[(rows[item] * 7 + 13) % len(ids)] for item in recents.get(user, ()))
    values = sorted(counts.values())
    scrambled = {
        item: 5 * values[(number * 7 + 3) % len(values)]
        for number, item in enumerate(sorted(counts))
    }
    return FeatureValues(strangers, scrambled)


@cache
def _models() -> tuple[Factorization, Popularity]:
    table = history(POPULATION, 1, 12.0, NOW_S, key=KEY, slates=20_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.reference.REQUESTS_LIMIT", 1_000)  # slow, and not looked at here
        learned, popular = train_factorization(table), train_popularity(table)
    return (
        Factorization.from_arrays("v1", learned.arrays, learned.parameters),  # type: ignore[union-attr]
        Popularity.from_arrays("v1", popular.arrays, popular.parameters),  # type: ignore[union-attr]
    )


@cache
def _ctr(case: str) -> float:
    """Share of slates with a click, well after the fault came on."""
    primary, fallback = _models()
    model = fallback if case == "fallback" else primary
    features: Features = {"stale": _stale(), "shifted": _shifted}.get(case, _true)
    crowd, hashed = Crowd(POPULATION, 5, {}), [hash_user(KEY, u) for u in POPULATION.user_ids]
    recents: Recents = {}
    counted: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    counted_at_s = 0.0
    clicked: list[bool] = []
    for visit in crowd.visits(RATE_PER_S):
        if visit.offset_s > END_S:
            break
        if visit.offset_s > counted_at_s + REFRESH_S:
            counted_at_s, counts = visit.offset_s, counted.copy()
        user = hashed[visit.user]
        seen = features(visit.offset_s, user, recents, counts)
        slate: Sequence[str] = model.recommend(user, 10, seen).item_ids
        rows = [POPULATION.item_index[item] for item in slate]
        look = crowd.look(visit, rows, NOW_S + visit.offset_s)
        for position in look.clicked:
            recents.setdefault(user, deque(maxlen=20)).appendleft(slate[position])
            counted[slate[position]] += 1
        if visit.offset_s > MEASURED_FROM_S:
            clicked.append(bool(look.clicked))
    return float(np.mean(clicked))


@pytest.mark.parametrize(("fault", "most"), [("stale", 0.97), ("shifted", 0.7)])
def test_untrue_features_lower_the_click_rate(fault: str, most: float) -> None:
    assert _ctr(fault) < most * _ctr("true")


def test_the_primary_with_true_features_beats_the_popularity_fallback() -> None:
    assert _ctr("true") > 1.05 * _ctr("fallback")

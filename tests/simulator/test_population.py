"""What a population looks like, generated or from ratings."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from simulator.population import Population, from_ratings, generated
from simulator.population.arrivals import poisson, visitors
from simulator.population.streams import Streams


def _assert_sound(population: Population) -> None:
    users, items = len(population.user_ids), len(population.item_ids)
    assert len(set(population.user_ids)) == users
    assert len(set(population.item_ids)) == items
    assert population.activity.sum() == pytest.approx(1.0)
    assert population.popularity.sum() == pytest.approx(1.0)
    assert np.linalg.norm(population.taste, axis=1) == pytest.approx(np.ones(users))
    assert np.linalg.norm(population.item_vectors, axis=1) == pytest.approx(np.ones(items))
    assert population.theme_chances.sum(axis=1) == pytest.approx(np.ones(users))


def _share_of_top(weights: np.ndarray, share: float) -> float:
    ordered = np.sort(weights)[::-1]
    return float(ordered[: max(1, int(len(ordered) * share))].sum())


def test_generated_users_and_items_are_heavy_tailed() -> None:
    population = generated(1)
    _assert_sound(population)
    assert 0.25 < _share_of_top(population.activity, 0.1) < 0.8
    assert 0.2 < _share_of_top(population.popularity, 0.1) < 0.6
    assert population.activity.max() < 0.1


def test_the_same_seed_gives_the_same_population_and_another_seed_another() -> None:
    one, same, other = generated(1), generated(1), generated(2)
    assert (one.taste == same.taste).all()
    assert (one.popularity == same.popularity).all()
    assert (one.taste != other.taste).any()


def test_more_users_leave_items_as_they_are() -> None:
    few, many = generated(1, users=100), generated(1, users=200)
    assert (few.item_vectors == many.item_vectors).all()
    assert (few.popularity == many.popularity).all()


def test_items_of_one_theme_are_alike(population: Population) -> None:
    alike = population.item_vectors @ population.item_vectors.T
    same = population.clusters[:, None] == population.clusters[None, :]
    assert alike[same].mean() > alike[~same].mean() + 0.4


def test_movielens_users_and_items_keep_the_tails_of_the_data(ratings_path: Path) -> None:
    population = from_ratings(ratings_path, seed=1)
    _assert_sound(population)
    assert len(population.user_ids) == 610
    assert len(population.item_ids) == 1_500
    assert 0.3 < _share_of_top(population.activity, 0.1) < 0.7
    assert 0.2 < _share_of_top(population.popularity, 0.1) < 0.6


def test_movielens_users_like_what_they_rated_highly_more_than_what_they_did_not_rate(
    ratings_path: Path,
) -> None:
    population = from_ratings(ratings_path, seed=1)
    users = {user: row for row, user in enumerate(population.user_ids)}
    pairs = [
        (users[user], population.item_index[item])
        for user, item, rating, _ in (
            line.split(",") for line in ratings_path.read_text().splitlines()[1:]
        )
        if item in population.item_index and float(rating) >= 4.5
    ]
    affinity = population.taste @ population.item_vectors.T
    rows, columns = np.array(pairs).T
    assert affinity[rows, columns].mean() > affinity.mean() + 0.2


def test_a_seed_gives_the_same_movielens_population(ratings_path: Path) -> None:
    one, same = from_ratings(ratings_path, seed=3), from_ratings(ratings_path, seed=3)
    assert np.allclose(one.taste, same.taste)
    assert (one.clusters == same.clusters).all()


def test_poisson_arrivals_have_the_rate_and_its_variance() -> None:
    offsets = np.array(list(islice(poisson(Streams(1).named("arrivals"), 50.0), 20_000)))
    gaps = np.diff(offsets)
    assert gaps.min() > 0
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.03)
    assert gaps.std() == pytest.approx(1 / 50, rel=0.05)


def test_active_users_come_more_often_and_sessions_bring_them_back(
    population: Population,
) -> None:
    came = np.array(list(islice(visitors(population, Streams(1), 20.0), 20_000)))
    counts = np.bincount(came, minlength=len(population.user_ids))
    busiest = np.argsort(population.activity)[-30:]
    assert counts[busiest].mean() > 2 * counts.mean()
    assert len(set(came[:100].tolist())) < 90, "users of a session come back soon"

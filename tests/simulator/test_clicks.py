"""What makes a click more likely."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.population import Population
from simulator.population.clicks import Clicks, ClickWeights
from simulator.population.crowd import Crowd
from simulator.population.moods import HALF_LIFE_S, THEME_S, Moods
from simulator.population.trends import TREND_SLOT_S, Trends

NOW_S = 1_700_000_000.0


@pytest.fixture
def world(population: Population) -> tuple[Clicks, Moods, Trends]:
    moods, trends = Moods(population), Trends(population)
    return Clicks(population, moods, trends), moods, trends


def _all_users(population: Population) -> np.ndarray:
    return np.arange(len(population.user_ids))


def test_the_same_item_is_clicked_less_further_down(
    population: Population, world: tuple[Clicks, Moods, Trends]
) -> None:
    clicks, _, _ = world
    users = _all_users(population)
    slates = np.full((len(users), 5), 3)
    chances = clicks.chances(users, slates, np.full(len(users), NOW_S))
    assert (np.diff(chances, axis=1) < 0).all()
    assert chances[0, 1] / chances[0, 0] == pytest.approx(2**-0.8)


def test_users_click_what_fits_their_taste(
    population: Population, world: tuple[Clicks, Moods, Trends]
) -> None:
    clicks, _, _ = world
    users = _all_users(population)
    order = np.argsort(population.taste @ population.item_vectors.T, axis=1)
    at_s = np.full(len(users), NOW_S)
    liked = clicks.chances(users, order[:, -5:], at_s).mean()
    assert liked > 3 * clicks.chances(users, order[:, :5], at_s).mean()


def test_a_fresh_click_raises_the_chance_of_alike_items_and_fades(
    population: Population, world: tuple[Clicks, Moods, Trends]
) -> None:
    _, moods, trends = world
    clicks = Clicks(population, moods, trends, ClickWeights(trend=0.0))  # trends move by themselves
    users = _all_users(population)
    at_s = np.full(len(users), NOW_S)
    seen = np.zeros((len(users), 1), dtype=np.int64)
    alike = np.argsort(population.item_vectors @ population.item_vectors[0])[-6:-1]
    slates = np.tile(alike, (len(users), 1))

    def liked(later_s: float) -> float:
        themes = moods.themes(users, at_s)
        same = moods.themes(users, at_s + later_s) == themes
        return float(clicks.logits(users, slates, at_s + later_s)[same].mean())

    before = liked(0.0)
    moods.follow(users, seen, np.ones((len(users), 1), dtype=bool), at_s)
    fresh, old = liked(0.0), liked(4 * HALF_LIFE_S)
    assert fresh > before + 0.3
    assert before < old < fresh - 0.2


def test_what_was_only_seen_counts_less_than_a_click(population: Population) -> None:
    users, at_s = np.array([0]), np.array([NOW_S])
    lengths = []
    for clicked in (False, True):
        moods = Moods(population)
        moods.follow(users, np.array([[5]]), np.array([[clicked]]), at_s)
        lengths.append(float(np.linalg.norm(moods.recents(users, at_s))))
    assert 0 < lengths[0] < lengths[1] / 5


def test_themes_change_by_the_minute_and_follow_taste(population: Population) -> None:
    moods, users = Moods(population), _all_users(population)
    times = NOW_S + np.arange(0, 40 * THEME_S, THEME_S)
    themes = np.array([moods.themes(users, np.full(len(users), at_s)) for at_s in times])
    assert (themes[0] == moods.themes(users, np.full(len(users), NOW_S))).all()
    assert 0.5 < (np.diff(themes, axis=0) != 0).mean() < 1.0
    drawn = population.theme_chances[users[None, :], themes]
    assert drawn.mean() > 1.1 * population.theme_chances.mean()


def test_a_trending_item_is_clicked_more_and_trends_move_slowly(
    population: Population, world: tuple[Clicks, Moods, Trends]
) -> None:
    clicks, _, trends = world
    levels = trends.at(NOW_S)
    assert 0 < (levels > 0).mean() < 0.15
    assert np.abs(trends.at(NOW_S + 10) - levels).max() < 0.05
    hot = int(np.argmax(levels))
    gone_s = next(
        NOW_S + slots * TREND_SLOT_S
        for slots in range(2, 50)
        if trends.at(NOW_S + slots * TREND_SLOT_S)[hot] == 0
    )
    users = _all_users(population)
    slates = np.full((len(users), 1), hot)
    now = clicks.logits(users, slates, np.full(len(users), NOW_S)).mean()
    later = clicks.logits(users, slates, np.full(len(users), gone_s)).mean()
    assert now > later + 0.5


def test_a_look_clicks_only_what_was_viewed(population: Population) -> None:
    crowd = Crowd(population, 1, {})
    looks = []
    for _, visit in zip(range(500), crowd.visits(50.0), strict=False):
        slate = np.argsort(-(population.item_vectors @ population.taste[visit.user]))[:10]
        looks.append(crowd.look(visit, slate.tolist(), NOW_S + visit.offset_s))
    assert all(set(look.clicked) <= set(look.viewed) for look in looks)
    assert all(0 in look.viewed for look in looks), "the top of a slate is always seen"
    assert 0.05 < np.mean([bool(look.clicked) for look in looks]) < 0.9
    assert all(0 < look.delay_s <= 4.0 for look in looks)

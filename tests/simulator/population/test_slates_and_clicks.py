"""What is shown, what it is worth, and that the told chances are the true ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.population import looks
from simulator.population.audience import HEALTHY, Audience
from simulator.population.catalogue import DAY_US, Catalogue
from simulator.population.streams import Streams
from simulator.spec import ArmModel, Traffic, Users, WorldSpec
from simulator.visits import Visits

HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def visits(spec: WorldSpec) -> Visits:
    """At the mean rate, spread over a day, so that neither the night nor a trend decides."""
    flat = replace(spec, traffic=Traffic(rate_per_s=spec.traffic.rate_per_s))
    own = Audience(flat, 7, slate_size=10, segments={})
    blocks = [own.block(number) for number in range(8)][5:]
    columns = {
        name: np.concatenate([getattr(block, name) for block in blocks])
        for name in Visits.__slots__
    }
    count = len(columns["number"])
    columns["at_us"] = np.arange(count) * 100 // count * 871_000_000
    return Visits(**columns)


def _ctr(
    audience: Audience,
    visits: Visits,
    arm: ArmModel = HEALTHY,
    trained_at_us: int = 0,
    features_at_us: np.ndarray | None = None,
) -> float:
    features = visits.at_us if features_at_us is None else features_at_us
    slates = audience.slates(arm, trained_at_us, visits.user, visits.at_us, features)
    assert slates.shape == (len(visits), 10)
    assert (np.diff(np.sort(slates, axis=1), axis=1) > 0).all(), "no item twice on a slate"
    return float(looks.any_click("position", audience.chances(visits, slates, 1.0)).mean())


def test_healthy_slates_are_clicked_as_often_as_the_spec_says(
    audience: Audience, visits: Visits, spec: WorldSpec
) -> None:
    assert _ctr(audience, visits) == pytest.approx(spec.users.ctr, rel=0.15)


def test_better_models_get_more_clicks_and_the_popular_slate_few(
    audience: Audience, visits: Visits
) -> None:
    rates = [_ctr(audience, visits, ArmModel(quality=q)) for q in (0.0, 0.5, 0.8, 1.0)]
    assert rates == sorted(rates)
    assert rates[0] < 0.3 * rates[2]
    popular = _ctr(audience, visits, ArmModel(personal=False))
    assert rates[0] < popular < 0.7 * rates[2]


def test_stale_and_missing_features_cost_clicks(audience: Audience, visits: Visits) -> None:
    fresh = _ctr(audience, visits)
    assert _ctr(audience, visits, features_at_us=visits.at_us - HOUR_US) < 0.5 * fresh
    assert _ctr(audience, visits, features_at_us=np.full(len(visits), -1)) < 0.6 * fresh


def test_the_catalogue_moves_on_until_a_retrain(audience: Audience, visits: Visits) -> None:
    later = replace(visits, at_us=visits.at_us + 40 * DAY_US)
    old = _ctr(audience, later)
    assert old < 0.7 * _ctr(audience, later, trained_at_us=40 * DAY_US)


def test_items_are_replaced_evenly_and_whatever_is_asked_first(audience: Audience) -> None:
    people = audience.population
    one, other = (Catalogue(people, Streams(1), churn_per_day=0.1) for _ in range(2))
    late = one.vectors(15 * DAY_US)
    changed = [
        int((one.vectors(day * DAY_US) != one.vectors((day + 1) * DAY_US)).any(axis=1).sum())
        for day in range(15)
    ]
    assert changed == [20] * 15
    assert (other.vectors(15 * DAY_US) == late).all()
    assert np.linalg.norm(late, axis=1) == pytest.approx(np.ones(200))


@given(st.integers(0, 500), st.integers(1, 500))
@settings(max_examples=20, deadline=None)
def test_no_cut_through_the_visits_changes_a_chance(
    audience: Audience, visits: Visits, start: int, length: int
) -> None:
    slates = audience.slates(HEALTHY, 0, visits.user, visits.at_us, visits.at_us)
    part = slice(start, start + length)
    whole = audience.chances(visits, slates, 1.0)[part]
    own = audience.chances(visits.part(start, start + length), slates[part], 1.0)
    assert whole.tobytes() == own.tobytes()


def test_the_factor_multiplies_every_chance(audience: Audience, visits: Visits) -> None:
    slates = audience.slates(HEALTHY, 0, visits.user, visits.at_us, visits.at_us)
    whole = audience.chances(visits, slates, 1.0)
    factors = np.where(np.arange(len(visits)) % 2, 0.5, 0.0)
    assert (audience.chances(visits, slates, factors) == factors[:, None] * whole).all()


@pytest.mark.parametrize("model", ["position", "cascade"])
def test_clicks_come_as_often_as_their_chances_say(model: looks.ClickModel) -> None:
    liked = np.array([[0.3, 0.5, 0.1, 0.4]])
    examined = looks.examine(4, 0.8)
    chances = looks.marginals(model, liked, examined)
    draws = np.random.default_rng(5).random((200_000, 4))
    many = np.broadcast_to(chances, draws.shape)
    hits = looks.clicked(model, many, draws)
    assert hits.mean(axis=0) == pytest.approx(chances[0], abs=0.005)
    assert hits.any(axis=1).mean() == pytest.approx(looks.any_click(model, chances)[0], abs=0.005)
    if model == "cascade":
        assert hits.sum(axis=1).max() == 1


def test_a_cascade_walked_step_by_step_gives_the_same_chances() -> None:
    liked, examined = np.array([0.3, 0.5, 0.1, 0.4]), looks.examine(4, 0.8)
    there, walked = 1.0, []
    for place, like in enumerate(liked):
        walked.append(there * like)
        goes_on = examined[place + 1] / examined[place] if place < 3 else 0.0
        there *= (1.0 - like) * goes_on
    assert looks.marginals("cascade", liked[None, :], examined)[0] == pytest.approx(walked)


@given(st.floats(0.0, 50.0), st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5))
def test_chances_stay_chances_whatever_the_factor(factor: float, liked: list[float]) -> None:
    for model in ("position", "cascade"):
        chances = looks.marginals(model, np.array([liked]), looks.examine(5, 0.8))
        scaled = looks.times(model, chances, factor)
        assert scaled.min() >= 0.0
        assert scaled.max() <= 1.0
        assert looks.any_click(model, scaled)[0] <= 1.0 + 1e-12


def test_the_cascade_is_calibrated_too_and_clicks_once(spec: WorldSpec) -> None:
    users = Users(users=200, items=150, click_model="cascade", ctr=0.2)
    own = Audience(replace(spec, users=users), 7, slate_size=8, segments={})
    visits = [own.block(number) for number in range(7)][-1]
    slates = own.slates(HEALTHY, 0, visits.user, visits.at_us, visits.at_us)
    chances = own.chances(visits, slates, 1.0)
    assert 0.1 < chances.sum(axis=1).mean() < 0.4
    clicks = own.clicked(visits, chances)
    assert clicks.sum(axis=1).max() == 1


def test_delays_are_lognormal_around_the_median(audience: Audience, visits: Visits) -> None:
    delays = audience.delay_us(visits)
    assert delays.dtype == np.int64
    assert np.median(delays) == pytest.approx(4_000_000, rel=0.1)
    assert np.log(delays).std() == pytest.approx(0.8, rel=0.1)


def test_real_ratings_make_an_audience(ratings_path: Path) -> None:
    spec = WorldSpec(users=Users(ratings=ratings_path, ctr=0.1))
    own = Audience(spec, 1, slate_size=10, segments={})
    assert len(own.population.user_ids) == 610
    visits = [own.block(number) for number in range(7)][-1]
    slates = own.slates(HEALTHY, 0, visits.user, visits.at_us, visits.at_us)
    assert 0.04 < looks.any_click("position", own.chances(visits, slates, 1.0)).mean() < 0.2


def test_memory_is_bounded_whatever_is_trained(audience: Audience) -> None:
    users = np.arange(10)
    first = audience.slates(HEALTHY, 1, users, users, users)
    for trained_at_us in range(2, 40):
        audience.slates(HEALTHY, trained_at_us, users, users, users)
    kept = audience._slates._table.cache_info()
    assert kept.currsize <= 16
    assert (audience.slates(HEALTHY, 1, users, users, users) == first).all(), "made again, equal"

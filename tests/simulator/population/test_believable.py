"""The virtual world has the shape of measured ones; each test prints what it found."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.population.audience import HEALTHY, Audience
from simulator.population.believable import TRAFFIC, USERS
from simulator.population.fatigue import Fatigue
from simulator.population.generated_population import generated
from simulator.population.intensity import Intensity
from simulator.population.lanes import Lane, Rate
from simulator.population.seats import PassersBy, Seats
from simulator.population.streams import Streams
from simulator.spec import MONDAY_S, WorldSpec

WEEKS = 4
SEED = 1


def _within(what: str, value: float, low: float, high: float) -> None:
    print(f"{what}: {value:.2f} (measured in the field: {low:g} to {high:g})")
    assert low <= value <= high


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    """Visits per 5 minutes over weeks, at a rate of the measured series (about 60)."""
    streams, people = Streams(SEED), generated(SEED, 20, 20)
    intensity = Intensity(TRAFFIC, MONDAY_S, streams)
    lane = Lane(
        streams,
        "visits",
        lambda block: Rate(intensity.at(block)),
        PassersBy(people, streams, "visits"),
        Fatigue(20, 0.1),
    )
    minutes = [len(lane.arrivals(block)[0]) for block in range(WEEKS * 7 * 1_440)]
    return np.array(minutes).reshape(-1, 5).sum(axis=1)


@pytest.fixture(scope="module")
def residuals(counts: np.ndarray) -> np.ndarray:
    """Without the means of hour of day x weekend."""
    minutes = np.arange(len(counts)) * 5
    cell = minutes // 60 % 24 + 24 * (minutes // 1_440 % 7 >= 5)
    return counts - (np.bincount(cell, counts) / np.bincount(cell))[cell]


def test_the_mean_rate_is_the_one_asked_for(counts: np.ndarray) -> None:
    assert counts.mean() == pytest.approx(300 * TRAFFIC.rate_per_s, rel=0.03)


def test_counts_are_overdispersed(counts: np.ndarray, residuals: np.ndarray) -> None:
    _within("variance / mean of 5-minute counts", residuals.var() / counts.mean(), 10, 50)


def test_neighbouring_counts_are_correlated(residuals: np.ndarray) -> None:
    correlation = float(np.corrcoef(residuals[1:], residuals[:-1])[0, 1])
    _within("lag-1 correlation", correlation, 0.1, 0.6)


def test_the_day_has_a_peak(counts: np.ndarray) -> None:
    hour = np.arange(len(counts)) * 5 // 60 % 24
    profile = np.bincount(hour, counts) / np.bincount(hour)
    _within("hourly peak / trough", profile.max() / profile.min(), 2.2, 2.4)


def test_small_crowds_come_unannounced(counts: np.ndarray) -> None:
    ratio = float(np.quantile(counts, 0.999) / np.median(counts))
    _within("p99.9 / median of 5-minute counts", ratio, 6, 13)


@pytest.mark.parametrize("seed", [1, 2])
def test_clicks_fall_with_the_rank_as_measured(seed: int) -> None:
    audience = Audience(WorldSpec(users=USERS), seed, slate_size=10, segments={})
    rates = []
    for hour in range(0, 24, 2):
        visits = audience.block(60 * hour + 5)
        slates = audience.slates(HEALTHY, 0, visits.user, visits.at_us, visits.at_us)
        rates.append(audience.chances(visits, slates, 1.0).mean(axis=0))
    slope = np.polyfit(np.log(np.arange(1, 11)), np.log(np.mean(rates, axis=0)), 1)[0]
    _within("rank-CTR exponent", -slope, 0.7, 1.0)


def test_popularity_falls_with_rank_as_measured() -> None:
    people = generated(SEED, items=2_000, popularity_exponent=USERS.popularity_exponent)
    taken = np.random.default_rng(SEED).choice(2_000, 200_000, p=people.popularity)
    ranked = np.sort(np.bincount(taken, minlength=2_000))[::-1]
    ranks = np.arange(10, 401)
    slope = np.polyfit(np.log(ranks), np.log(ranked[ranks - 1]), 1)[0]
    _within("popularity head slope", slope, -0.48, -0.44)


def test_activity_has_a_pareto_tail() -> None:
    """Hill's estimator on the busiest twentieth, by the visits of a day."""
    users, per_minute = 20_000, 2_000
    people = generated(SEED, users, 20, activity_pareto=USERS.activity_pareto)
    seats = Seats(people, Streams(SEED), "visits", rate_per_s=per_minute / 60)
    came = np.zeros(users)
    for block in range(1_440):
        came += np.bincount(seats.users(block, per_minute), minlength=users)
    busiest = np.sort(came)[::-1][: users // 20 + 1]
    exponent = 1.0 / np.log(busiest[:-1] / busiest[-1]).mean()
    _within("activity Pareto tail (Hill)", exponent, 1.2, 1.5)

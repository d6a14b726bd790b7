"""Named random streams."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.population import generated
from simulator.population.crowd import Crowd
from simulator.population.streams import Streams


@given(st.integers(0, 2**64), st.text(max_size=20), st.integers(0, 2**40))
@settings(max_examples=50)
def test_the_same_seed_name_and_number_give_the_same_stream(
    seed: int, name: str, number: int
) -> None:
    first = Streams(seed).named(name, number).random(4)
    assert (first == Streams(seed).named(name, number).random(4)).all()


@pytest.mark.parametrize(
    ("seed", "name", "number"), [(2, "arrivals", 0), (1, "visitors", 0), (1, "arrivals", 1)]
)
def test_another_seed_name_or_number_gives_another_stream(
    seed: int, name: str, number: int
) -> None:
    assert Streams(1).named("arrivals").random() != Streams(seed).named(name, number).random()


def test_adding_an_actor_changes_no_other_actors_stream() -> None:
    population = generated(1, users=100, items=50)
    without = Crowd(population, 3, {"platform": ("ios", "web")})
    with_another = Crowd(population, 3, {"country": ("de", "fr"), "platform": ("ios", "web")})
    visits = [visit for _, visit in zip(range(200), without.visits(50.0), strict=False)]
    others = [visit for _, visit in zip(range(200), with_another.visits(50.0), strict=False)]
    assert visits == others
    assert [without.segments(v.user)["platform"] for v in visits] == [
        with_another.segments(v.user)["platform"] for v in visits
    ]


def test_a_users_look_does_not_depend_on_the_order_of_answers() -> None:
    population = generated(1, users=100, items=50)
    crowds = [Crowd(population, 3, {}) for _ in range(2)]
    visits = crowds[0].visits(50.0)
    first = next(visits)
    second = next(visit for visit in visits if visit.user != first.user)
    slate = list(range(10))
    in_order = [crowds[0].look(v, slate, 1e9) for v in (first, second)]
    reversed_order = [crowds[1].look(v, slate, 1e9) for v in (second, first)]
    assert in_order == reversed_order[::-1]

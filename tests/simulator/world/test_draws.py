"""The draw for many requests at once agrees with the router's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.routing import draw as routing
from simulator.world import draws
from tests.simulator.world.small_slabs import random_plan

SEGMENTS = {"platform": ("ios", "android", "web"), "country": ("de", "us")}
WORDS = st.integers(0, 2**64 - 1)


@given(st.lists(WORDS, min_size=1), WORDS)
def test_uniform_numbers_equal_the_routers(units: list[int], salt: int) -> None:
    many = draws.uniform(np.array(units, dtype=np.uint64), salt)
    assert many.tolist() == [routing.uniform(unit, salt) for unit in units]


@settings(max_examples=80)
@given(st.integers(0, 2**32), st.lists(WORDS, min_size=1, max_size=60))
def test_arms_and_chances_equal_the_routers(seed: int, units: list[int]) -> None:
    random = np.random.default_rng(seed)
    plan = random_plan(random)
    users = np.arange(len(units))
    codes = {
        name: random.integers(-1, len(values), len(units)) for name, values in SEGMENTS.items()
    }
    chances = draws.Chances.of(plan, SEGMENTS)
    chances_id = chances.ids(codes, users)
    points = draws.uniform(np.array(units, dtype=np.uint64), routing.salt_of(plan))
    drawn = draws.draw_arms(plan, chances, chances_id, points)
    arms = list(plan.arms)
    for i, unit in enumerate(units):
        segments = {n: SEGMENTS[n][c[i]] for n, c in codes.items() if c[i] >= 0}
        expected = routing.draw(plan, unit, segments)
        assert arms[drawn[i]] == expected.arm
        assert chances.distinct[chances_id[i]] == expected.propensities


def test_every_edge_of_the_unit_interval_falls_as_at_the_router(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(200):
        plan = random_plan(np.random.default_rng(seed))
        chances = draws.Chances.of(plan, {})
        edges = np.cumsum([0.0, plan.control_share, *chances.distinct[0].values()])
        near = [np.nextafter(e, d) for e in edges for d in (0.0, 2.0)] + edges.tolist()
        points = np.array([p for p in near if 0.0 <= p < 1.0])
        drawn = draws.draw_arms(plan, chances, np.zeros(len(points), np.int64), points)
        for point, arm in zip(points.tolist(), drawn.tolist(), strict=True):
            monkeypatch.setattr(routing, "uniform", lambda unit, salt, p=point: p)
            assert list(plan.arms)[arm] == routing.draw(plan, 0, {}).arm


def test_ids_carry_the_partition_and_never_repeat() -> None:
    numbers = np.arange(5_000, dtype=np.uint64)
    routers = np.arange(5_000) % 3
    users = draws.request_ids(7, numbers, routers, 2)
    assert (users[:, 0] >> np.uint64(48)).tolist() == (routers % 2).tolist()
    probes = [draws.probe_ids(7, numbers, routers, 2, np.full(5_000, arm)) for arm in (0, 1)]
    low = np.concatenate([users[:, 1], *(probe[:, 1] for probe in probes)])
    assert len(np.unique(low)) == 15_000
    assert (draws.request_ids(8, numbers, routers, 2)[:, 1] != users[:, 1]).all()

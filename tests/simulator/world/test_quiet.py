"""The quiet service equals the stepwise one in every column and in the state it leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.routing.adaptive_limit import AdaptiveLimit, LimitRules, Round
from simulator.world import serve as serving
from simulator.world.conditions import ArmConditions, Conditions
from simulator.world.handled import SLOT_US, Outcome
from simulator.world.queues import backlog_after, backlogs
from simulator.world.slab import ArmQueue
from tests.simulator.world.small_slabs import (
    Situation,
    assert_same,
    random_situation,
    small_visits,
)

SEEDS = st.integers(0, 2**32)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.lists(st.integers(1, 200), max_size=4))
def test_quiet_equals_stepwise_wherever_it_is_cut(seed: int, cuts: list[int]) -> None:
    situation = random_situation(seed)
    reference = situation.run(situation.fresh(), stepwise=True)
    cuts_us = tuple(cut * SLOT_US for cut in cuts)
    assert_same(situation.run(situation.fresh(), stepwise=False, cuts=cuts_us), reference)
    assert_same(situation.run(situation.fresh(), stepwise=True, cuts=cuts_us), reference)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_either_service_may_go_on_from_the_state_of_the_other(seed: int) -> None:
    situation = random_situation(seed)
    reference = situation.run(situation.fresh(), stepwise=True)
    for is_first_stepwise in (True, False):
        state, told = situation.fresh(), []
        ends = [at_us for at_us, _, _ in situation.turns[1:]] + [situation.until_us]
        for i, (turn, end_us) in enumerate(zip(situation.turns, ends, strict=True)):
            part = replace(situation, turns=[turn], until_us=end_us)
            told += part.run(state, stepwise=is_first_stepwise == (i % 2 == 0))
        assert_same(told, reference)


def test_a_healthy_service_is_served_quietly_from_end_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a quiet span went stepwise")

    monkeypatch.setattr(serving, "Stepwise", refuse)
    situation = _steady(rate_per_s=40.0, conditions=Conditions())
    (rows,) = situation.run(situation.fresh(), stepwise=False)
    assert (rows["outcome"] == Outcome.OK).all()
    assert len(rows["visit"]) == len(situation.visits)


def test_probes_of_a_drained_arm_are_served_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    situation = _steady(rate_per_s=40.0, conditions=Conditions())
    at_us, plan, conditions = situation.turns[0]
    situation.turns = [(at_us, replace(plan, probe_per_s={"challenger": 5.0}), conditions)]
    reference = situation.run(situation.fresh(), stepwise=True)
    monkeypatch.setattr(serving, "Stepwise", None)
    assert_same(situation.run(situation.fresh(), stepwise=False), reference)
    assert (reference[0]["role"] == 1).sum() > 10


def test_too_many_in_flight_are_shed_alike() -> None:
    slow = Conditions(arms={"primary": ArmConditions(delay_ms=80.0)})
    situation = _steady(rate_per_s=1_500.0, conditions=slow)
    at_us, plan, conditions = situation.turns[0]
    plan = replace(plan, cache_ttl_s=0.0, probe_per_s={"challenger": 5.0})
    situation.turns = [(at_us, plan, conditions)]
    reference = situation.run(situation.fresh(), stepwise=True)
    assert_same(situation.run(situation.fresh(), stepwise=False), reference)
    assert reference[0]["queue_depth"].max() >= LimitRules().start
    assert (reference[0]["outcome"] == Outcome.SHED).any()


@settings(max_examples=10, deadline=None)
@given(
    SEEDS,
    st.sampled_from([60.0, 600.0, 1_500.0]),
    st.sampled_from([0.02, 0.06, 0.3]),
    st.lists(st.integers(1, 50), max_size=3),
)
def test_a_limit_that_moves_and_comes_back_is_the_same(
    seed: int, rate_per_s: float, slow_share: float, cuts: list[int]
) -> None:
    """Slow enough to count, not slow enough for the breaker, and then well again."""
    slow = Conditions(arms={"primary": ArmConditions(delay_ms=60.0, delay_share=slow_share)})
    situation = _steady(rate_per_s, slow)
    (_, plan, _) = situation.turns[0]
    situation.until_us = 2_500_000
    random = np.random.default_rng(seed)
    situation.visits = small_visits(random, situation.until_us, rate_per_s, situation.users, 1)
    plan = replace(plan, cache_ttl_s=0.0)
    situation.turns = [(0, plan, slow), (1_200_000, plan, Conditions())]
    state, twin = situation.fresh(), situation.fresh()
    reference = situation.run(state, stepwise=True)
    cuts_us = tuple(cut * SLOT_US for cut in cuts)
    assert_same(situation.run(twin, stepwise=False, cuts=cuts_us), reference)
    assert [_told(limit) for limit in state.limits] == [_told(limit) for limit in twin.limits]


def test_the_limit_of_a_slow_service_is_cut_in_virtual_time() -> None:
    slow = Conditions(arms={"primary": ArmConditions(delay_ms=60.0, delay_share=0.5)})
    situation = _steady(1_500.0, slow)
    at_us, plan, _ = situation.turns[0]
    situation.turns = [(at_us, replace(plan, cache_ttl_s=0.0), slow)]
    state = situation.fresh()
    situation.run(state, stepwise=False)
    (limit,) = state.limits
    assert limit.in_flight < limit.rules.start


def _told(limit: AdaptiveLimit) -> tuple[int, Round]:
    return limit.in_flight, limit.seen


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(0, 60), min_size=1, max_size=40),
    st.integers(0, 4),
    st.integers(1, 9),
)
def test_backlogs_at_once_equal_slot_after_slot(
    first_us: int, reached: list[int], alive: int, batch_size: int
) -> None:
    queue = ArmQueue(alive, batch_size, 2_000, 3_100)
    expected = [first_us]
    for n in reached:
        expected.append(backlog_after(expected[-1], n, queue))
    assert backlogs(first_us, np.array(reached), queue).tolist() == expected


def _steady(rate_per_s: float, conditions: Conditions) -> Situation:
    situation = random_situation(5)
    spec = replace(situation.service.spec, routers=1, arms={})
    situation.service = replace(situation.service, spec=spec)
    situation.until_us = 5_000_000
    random = np.random.default_rng(9)
    situation.visits = small_visits(random, situation.until_us, rate_per_s, situation.users, 1)
    plan = situation.turns[0][1]
    arms = {
        name: replace(arm, share=float(name == "primary"), deadline_ms=100.0, replicas=None)
        for name, arm in plan.arms.items()
    }
    plan = replace(
        plan,
        arms=arms,
        splits=(),
        probe_per_s={},
        shed_share=0.0,
        evaluation=None,
        request_deadline_ms=200.0,
        cache_ttl_s=30.0,
    )
    situation.turns = [(0, plan, conditions)]
    return situation

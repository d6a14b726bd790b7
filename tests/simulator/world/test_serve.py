"""What the simulated service does, told by its rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.spec import ArmModel
from simulator.world.conditions import ArmConditions, Conditions
from simulator.world.handled import SLOT_US, Cache, Outcome, Reason, Result
from simulator.world.replicas import Replicas
from simulator.world.serve import serve
from tests.simulator.world.small_slabs import (
    Situation,
    assert_same,
    random_situation,
    small_visits,
)

SECOND_US = 1_000_000


@pytest.fixture
def healthy() -> Situation:
    """One router; everybody is drawn to a primary of two replicas."""
    situation = random_situation(5)
    spec = replace(
        situation.service.spec, routers=1, arms={"primary": ArmModel(latency_ms=20.0, cold_s=1.0)}
    )
    situation.service = replace(situation.service, spec=spec)
    situation.until_us = 20 * SECOND_US
    random = np.random.default_rng(9)
    situation.visits = small_visits(random, situation.until_us, 40.0, situation.users, 1)
    plan = situation.turns[0][1]
    plan = replace(
        plan,
        arms={
            name: replace(arm, share=float(name == "primary"), deadline_ms=100.0, replicas=None)
            for name, arm in plan.arms.items()
        },
        control_share=0.0,
        splits=(),
        probe_per_s={},
        shed_share=0.0,
        evaluation=None,
        request_deadline_ms=200.0,
        cache_ttl_s=0.0,
    )
    situation.turns = [(0, plan, Conditions())]
    return situation


def test_an_arm_that_is_gone_is_spared_until_probes_find_it_well(healthy: Situation) -> None:
    plan = healthy.turns[0][1]
    gone = Conditions(arms={"primary": ArmConditions(dead_replicas=2)})
    healthy.turns = [(0, plan, Conditions()), (5 * SECOND_US, plan, gone)]
    healthy.turns.append((10 * SECOND_US, plan, Conditions()))
    _, during, after = healthy.run(healthy.fresh(), stepwise=False)
    users = during["role"] == 0
    assert (during["served_by"][users] == 1).all()
    assert set(during["reason"][users]) == {Reason.FAILED, Reason.BREAKER_OPEN}
    assert (during["outcome"][users] == Outcome.OK).all()
    assert (during["result"][~users] == Result.ERROR).all()
    assert (~users).any()
    late = (after["role"] == 0) & (after["at_us"] > 16 * SECOND_US)
    assert (after["result"][late] == Result.OK).all()


def test_a_dead_replica_fails_requests_only_until_it_is_found(healthy: Situation) -> None:
    plan = healthy.turns[0][1]
    half = Conditions(arms={"primary": ArmConditions(dead_replicas=1)})
    healthy.turns = [(0, plan, half)]
    (rows,) = healthy.run(healthy.fresh(), stepwise=True)
    failed = rows["at_us"][rows["reason"] == Reason.FAILED]
    assert len(failed) > 5
    assert failed.max() < SECOND_US


def test_a_cached_answer_is_as_old_as_when_it_was_kept(healthy: Situation) -> None:
    plan = replace(healthy.turns[0][1], cache_ttl_s=30.0)
    healthy.turns = [(0, plan, Conditions())]
    (rows,) = healthy.run(healthy.fresh(), stepwise=False)
    hits = rows["cache"] == Cache.HIT
    assert hits.mean() > 0.5
    assert (rows["latency_us"][hits] == 1_000).all()
    every_us = healthy.service.spec.feature_every_s * SECOND_US
    assert rows["age_us"][~hits].max() <= every_us + SECOND_US
    assert rows["age_us"][hits].max() > every_us + SECOND_US


def test_frozen_features_grow_old_and_empty_ones_are_never_kept(healthy: Situation) -> None:
    plan = replace(healthy.turns[0][1], cache_ttl_s=30.0)
    wrong = Conditions(frozen_groups=frozenset({"user_recent"}), null_share={"item_hour": 1.0})
    healthy.turns = [(0, plan, wrong)]
    (rows,) = healthy.run(healthy.fresh(), stepwise=False)
    assert not (rows["cache"] == Cache.HIT).any()
    assert (rows["defaulted"] == [False, True]).all()
    assert (rows["age_us"][:, 1] == -1).all()
    assert (np.diff(rows["age_us"][:, 0]) == np.diff(rows["at_us"])).all()


def test_a_copied_state_is_left_alone_by_the_original() -> None:
    for seed in range(12):
        situation = random_situation(seed)
        edge_us = situation.turns[-1][0]
        first = replace(situation, turns=situation.turns[:1], until_us=edge_us)
        rest = replace(situation, turns=situation.turns[-1:])
        state = situation.fresh()
        first.run(state, stepwise=False)
        twin = state.copy()
        told = rest.run(state, stepwise=False)
        assert_same(rest.run(twin, stepwise=True), told)


def test_replicas_come_back_cold_and_new_ones_are_cold() -> None:
    replicas = Replicas.warm(2)
    replicas = replicas.changed(2, 1, at_us=100, detect_us=10, cold_us=50)
    assert (replicas.alive, replicas.found_us) == (1, (110, 0))
    replicas = replicas.changed(3, 0, at_us=200, detect_us=10, cold_us=50)
    assert (replicas.alive, replicas.warm_us) == (3, (250, 0, 250))


@pytest.mark.parametrize("span", [(0, SLOT_US + 1), (1, SLOT_US), (SLOT_US, SLOT_US)])
def test_a_span_off_the_slots_is_refused(healthy: Situation, span: tuple[int, int]) -> None:
    plan = healthy.turns[0][1]
    nobody = healthy.visits.part(0, 0)
    with pytest.raises(ValueError, match="whole slots"):
        serve(healthy.service, healthy.fresh(), nobody, plan, {}, Conditions(), *span)

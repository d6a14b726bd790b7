"""Each fault does what it says while it is on, and nothing before or after."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.language.action_facts import ACTION_FACTS
from simulator.faults import FAULTS, bursts_of, changes_us, conditions_at
from simulator.faults.errors import Errors
from simulator.faults.input_drift import InputDrift
from simulator.faults.null_features import NullFeatures
from simulator.faults.planned_deploy import PlannedDeploy
from simulator.faults.replica_crash import ReplicaCrash
from simulator.faults.slow_primary import SlowPrimary
from simulator.faults.slow_tail import SlowTail
from simulator.faults.stale_features import StaleFeatures
from simulator.faults.telemetry_lag import TelemetryLag
from simulator.world.conditions import Conditions

HEALTHY = Conditions()
SILENT = {"nothing", "flash_crowd", "holiday"}
"""They leave the conditions of the service alone."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_the_world_only_while_it_is_on(name: str) -> None:
    fault = FAULTS[name](at_s=10.0, for_s=20.0)
    assert conditions_at([fault], 9.999) == HEALTHY
    assert conditions_at([fault], 30.0) == HEALTHY
    assert (conditions_at([fault], 10.0) == HEALTHY) == (name in SILENT)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_a_cause_and_names_known_actions(name: str) -> None:
    fault = FAULTS[name](at_s=0.0, for_s=1e6)
    assert fault.name == name
    assert fault.cause
    assert set(fault.right_actions) <= {facts.name for facts in ACTION_FACTS.values()}
    assert fault.deadline_s is None or fault.right_actions


@pytest.mark.parametrize("name", ["flash_crowd", "holiday"])
def test_crowds_bring_visits(name: str) -> None:
    fault = FAULTS[name](at_s=10.0, for_s=20.0)
    (burst,) = bursts_of([fault])
    assert (burst.at_s, burst.for_s) == (10.0, 20.0)
    assert burst.factor > 0.0


@given(
    starts=st.lists(st.integers(0, 100), min_size=1, max_size=4),
    names=st.lists(st.sampled_from(sorted(FAULTS)), min_size=4, max_size=4),
)
@settings(max_examples=50)
def test_conditions_are_constant_between_two_changes(starts: list[int], names: list[str]) -> None:
    faults = [FAULTS[name](at_s=at / 3, for_s=7.0) for at, name in zip(starts, names, strict=False)]
    turns = changes_us(faults)
    assert list(turns) == sorted(set(turns))
    for from_us, until_us in pairwise(turns):
        first = conditions_at(faults, from_us / 1e6)
        assert conditions_at(faults, (until_us - 1) / 1e6) == first


def test_faults_that_are_on_together_add_up() -> None:
    faults = [
        SlowPrimary(at_s=0.0, for_s=9.0, delay_ms=300.0),
        Errors(at_s=0.0, for_s=9.0, share=0.4),
        ReplicaCrash(at_s=0.0, for_s=9.0, replicas=1),
        StaleFeatures(at_s=0.0, for_s=9.0, group="a"),
        StaleFeatures(at_s=0.0, for_s=9.0, group="b"),
        NullFeatures(at_s=0.0, for_s=9.0, group="a", share=0.3),
    ]
    now = conditions_at(faults, 5.0)
    arm = now.of("primary")
    assert (arm.delay_ms, arm.error_share, arm.dead_replicas) == (300.0, 0.4, 1)
    assert now.frozen_groups == {"a", "b"}
    assert now.null_share == {"a": 0.3}


def test_a_fault_of_one_segment_says_whose_it_is() -> None:
    ios = (("platform", "ios"),)
    faults = [
        SlowPrimary(at_s=0.0, for_s=9.0, where=ios),
        Errors(at_s=0.0, for_s=9.0, where=(("platform", "web"),)),
        FAULTS["ctr_collapse"](at_s=0.0, for_s=9.0, where=ios),
    ]
    arm = conditions_at(faults, 5.0).of("primary")
    assert (arm.delay_where, arm.error_where, arm.click_where) == (ios, (("platform", "web"),), ios)
    assert faults[0].truth(0.0).cause == "every answer of the primary waits, of platform=ios alone"


def test_a_drift_grows_along_its_ramp() -> None:
    fault = InputDrift(at_s=100.0, for_s=500.0, size_sd=2.0, ramp_s=200.0)
    (shift,) = conditions_at([fault], 100.0).shifts
    assert [shift.at(s) for s in (99.0, 100.0, 200.0, 300.0, 400.0)] == [0.0, 0.0, 1.0, 2.0, 2.0]


def test_a_deploy_makes_one_replica_cold_after_another() -> None:
    deploy = PlannedDeploy(at_s=60.0, for_s=40.0, replicas=2, cold_s=5.0)
    cold = [
        second
        for second in range(50, 110)
        if conditions_at([deploy], float(second)).of("primary").delay_ms
    ]
    assert cold == [60, 61, 62, 63, 64, 80, 81, 82, 83, 84]
    assert conditions_at([deploy], 60.0).of("primary").delay_share == 0.5


@pytest.mark.parametrize(
    ("fault", "must_act"),
    [
        (SlowPrimary(at_s=0.0, for_s=120.0), True),
        (SlowPrimary(at_s=0.0, for_s=10.0), False),
        (SlowTail(at_s=0.0, for_s=120.0, share=0.02), False),
        (Errors(at_s=0.0, for_s=120.0, share=0.1), False),
        (ReplicaCrash(at_s=0.0, for_s=120.0, replicas=1), False),
        (TelemetryLag(at_s=0.0, for_s=120.0), False),
        (FAULTS["ctr_collapse"](at_s=0.0, for_s=120.0), True),
        (FAULTS["nothing"](at_s=0.0, for_s=120.0), False),
    ],
)
def test_the_truth_demands_an_action_only_where_doing_nothing_is_wrong(
    fault: SlowPrimary, must_act: bool
) -> None:
    assert fault.truth(1_000.0).must_act is must_act

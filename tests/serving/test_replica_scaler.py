"""How many replicas an arm has is what the plan says, and else what the settings say."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.plan import ArmPlan, plan_to_document
from controller.errors import Unavailable
from controller.settings import Arm, Settings
from serving.plan_watch import baseline_plan
from serving.replica_scaler import ReplicaScaler

ARMS = {
    "primary": Arm(share=0.5, replicas=2),
    "remote": Arm(share=0.5, url="http://models:8090/recommend"),
    "fallback": Arm(in_process=True),
}


class Asked:
    """What Serve was asked for; ``fails``: it takes nothing."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.fails = False

    def __call__(self, deployment: str, replicas: int) -> None:
        if self.fails:
            raise Unavailable("Ray Serve did not take it: its controller is gone")
        self.calls.append((deployment, replicas))


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def scaler(tmp_path: Path, asked: Asked) -> ReplicaScaler:
    return ReplicaScaler(Settings(arms=ARMS, data_dir=tmp_path), asked)


def hold(scaler: ReplicaScaler, revision: int, **replicas: int | None) -> None:
    """The next plan, as it is read from the store."""
    plan = baseline_plan(Settings(arms=ARMS))
    arms = {name: ArmPlan(a.version, a.share, replicas=None) for name, a in plan.arms.items()}
    arms |= {name: replace(arms[name], replicas=count) for name, count in replicas.items()}
    told = replace(plan, epoch=1, revision=revision, arms=arms)
    scaler._watch._take(json.dumps(plan_to_document(told)).encode())
    scaler.turn()


def test_without_a_plan_nothing_is_scaled(scaler: ReplicaScaler, asked: Asked) -> None:
    scaler.turn()
    assert asked.calls == []


def test_the_plans_number_is_set_once_and_the_settings_one_comes_back(
    scaler: ReplicaScaler, asked: Asked
) -> None:
    hold(scaler, 1, primary=4)
    scaler.turn()
    assert asked.calls == [("arm-primary", 4)]
    hold(scaler, 2, primary=None)
    assert asked.calls[1:] == [("arm-primary", 2)]


def test_arms_without_a_deployment_are_nobodys_to_scale(
    scaler: ReplicaScaler, asked: Asked
) -> None:
    hold(scaler, 1, remote=4, fallback=4)
    assert asked.calls == []


def test_what_serve_did_not_take_is_said_once_and_tried_again(
    scaler: ReplicaScaler, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    asked.fails = True
    with caplog.at_level(logging.WARNING):
        hold(scaler, 1, primary=4)
        scaler.turn()
    assert [record.getMessage() for record in caplog.records] == [
        "arm primary stays at 2 replicas: Ray Serve did not take it: its controller is gone"
    ]
    asked.fails = False
    scaler.turn()
    assert asked.calls == [("arm-primary", 4)]

"""Whatever is killed, users get valid slates, and the loop works again once it is back.

Each test kills a real process under about 8 s of light load, then sends a command around the loop.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time

import pytest

from tests.live.stack import LiveStack, eventually

pytestmark = [pytest.mark.live, pytest.mark.kills]
LOAD = ("--rate", "25", "--duration", "8")


def _assert_all_valid(report: dict[str, object]) -> None:
    assert report["problems"] == {}
    assert report["availability"] == 1.0
    assert int(str(report["requests"])) > 100


def test_the_primarys_replica_is_killed(stack: LiveStack) -> None:
    report = stack.simulate(*LOAD, "--fault", "crashing_primary@2")
    _assert_all_valid(report)
    eventually(
        lambda: stack.recommend(f"user-{time.monotonic_ns()}")["served_by"] == "primary",
        "another replica of the primary serves",
    )
    stack.loop_works()


def test_redis_is_killed(stack: LiveStack) -> None:
    report = stack.simulate(*LOAD, "--fault", "redis_gone@2")
    _assert_all_valid(report)
    assert "redis ended (killed by signal 9)" in stack.said()
    stack.loop_works()
    stack.must("decisions", "verify")


def test_the_broker_is_killed_and_comes_back_empty(stack: LiveStack) -> None:
    report = stack.simulate(*LOAD, "--fault", "broker_gone@2")
    _assert_all_valid(report)
    assert "broker ended (killed by signal 9)" in stack.said()
    stack.loop_works()


def test_the_controller_is_killed(stack: LiveStack) -> None:
    records = stack.records()
    timer = threading.Timer(2.0, lambda: os.kill(stack.pid("controller"), signal.SIGKILL))
    timer.start()
    report = stack.simulate(*LOAD)
    timer.join()
    _assert_all_valid(report)
    stack.loop_works()
    assert stack.records()[: len(records)] == records
    stack.must("decisions", "verify")


def test_redis_comes_back_empty_and_is_refilled_from_the_controllers_copy(
    stack: LiveStack,
) -> None:
    records = stack.records()
    old = stack.pid("redis")
    aof = stack.data_dir / "redis"
    os.kill(old, signal.SIGSTOP)  # nothing is written while the folder goes
    shutil.rmtree(aof)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: stack.pid("redis") != old, "another Redis runs")
    stack.loop_works()
    lines = stack.must("decisions", "list", "--json", "--source", "store").splitlines()
    assert [json.loads(line)["id"] for line in lines][: len(records)] == [
        record["id"] for record in records
    ]
    stack.must("decisions", "verify", "--source", "store")


def test_everything_the_controller_did_replays_byte_for_byte(stack: LiveStack) -> None:
    said = json.loads(stack.must("replay", "--json"))
    assert said["differences"] == []
    assert said["missing_epochs"] == []
    assert said["equal"] == len(stack.records())

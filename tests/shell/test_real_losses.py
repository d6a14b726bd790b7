"""Redis, the broker, or the leader's time is really taken away; the loop works again afterwards."""

from __future__ import annotations

import json
import shutil
import signal
import time
from typing import Any

import pytest

from controller.shell.readings_file import read_readings

pytestmark = [pytest.mark.live, pytest.mark.kills, pytest.mark.timeout(420)]
Stack = Any


def role(stack: Stack) -> str:
    found = read_readings(stack.folder)
    return str(found["role"]) if found else ""


def begin_incident(stack: Stack) -> None:
    stack.await_that("a leader", lambda: stack.phases()["elected"] > 0)
    stack.service.slow_s = (time.time(), time.time() + 1e9)
    stack.await_that("the plan is drained", lambda: stack.phases()["acting"] > 0)


def end_incident(stack: Stack) -> None:
    stack.service.slow_s = (0.0, time.time() + 2.0)
    stack.await_that("recovery", lambda: stack.phases()["recovered"] > 0)
    count = stack.phases()
    assert (count["opened"], count["acting"], count["recovered"]) == (1, 1, 1)


@pytest.mark.parametrize("comes_back", ["whole", "empty"])
def test_redis_is_killed_and_comes_back(stack: Stack, comes_back: str) -> None:
    with stack.running() as process:
        begin_incident(stack)
        stack.redis.kill()
        before = (stack.folder / "decisions" / "records.jsonl").read_bytes().splitlines()
        stack.await_that("nobody leads", lambda: role(stack) == "no store")
        if comes_back == "empty":
            shutil.rmtree(stack.folder / "redis")
        stack.redis.start()
        stack.await_that("a leader again", lambda: stack.phases()["elected"] > 1)
        assert stack.log()[: len(before)] == before
        end_incident(stack)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30.0) == 0
    stack.check_log()


def test_the_broker_is_killed_and_comes_back_empty(stack: Stack) -> None:
    with stack.running() as process:
        begin_incident(stack)
        stack.broker.kill()
        time.sleep(3.0)
        assert process.poll() is None
        assert role(stack) == "leader"
        stack.broker.start()
        end_incident(stack)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30.0) == 0
    stack.check_log()


def test_of_two_controllers_one_acts_through_a_pause_and_a_kill_minus_nine(stack: Stack) -> None:
    with stack.running() as old:
        begin_incident(stack)
        old.send_signal(signal.SIGSTOP)
        new = stack.controller(stack.other_settings_file)
        stack.await_that("the new one leads", lambda: stack.phases()["elected"] > 1)
        holder = json.loads(stack.log()[-1])["epoch"]
        old.send_signal(signal.SIGCONT)
        stack.await_that("the old one knows", lambda: role(stack) == "standby")
        assert json.loads(stack.log()[-1])["epoch"] == holder
        new.kill()
        assert new.wait(30.0) == -signal.SIGKILL
        stack.await_that("the old one leads again", lambda: role(stack) == "leader")
        end_incident(stack)
        epochs = [json.loads(line)["epoch"] for line in stack.log()]
        assert epochs == sorted(epochs)
        assert epochs[-1] > holder
        count = stack.phases()
        assert (count["opened"], count["acting"], count["recovered"]) == (1, 1, 1)
        old.send_signal(signal.SIGTERM)
        assert old.wait(30.0) == 0
    stack.check_log("other")

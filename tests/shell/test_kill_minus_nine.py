"""The controller as a real process, killed with SIGKILL at stepped moments, on real servers."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import Any

import pytest

pytestmark = [pytest.mark.live, pytest.mark.kills, pytest.mark.timeout(420)]

KILLS_AFTER_S = (0.4, 1.7, 3.9, 0.0, 0.2, 1.1)
"""From the process being ready, or from the next commit (``AFTER_COMMIT``), to its death."""
AFTER_COMMIT = (False, False, False, True, True, True)


Stack = Any


def end(process: subprocess.Popen[bytes], number: int) -> int:
    process.send_signal(number)
    return process.wait(30.0)


def test_sigkill_at_any_moment_repeats_no_action_and_loses_no_record(stack: Stack) -> None:
    taken: list[bytes] = []
    for after_s, after_commit in zip(KILLS_AFTER_S, AFTER_COMMIT, strict=True):
        if after_commit and stack.service.slow_s[0] > time.time():
            stack.service.slow_s = (time.time(), time.time() + 1e9)
        with stack.running() as process:
            count = len(stack.log())
            if after_commit:
                stack.await_that("a commit", lambda count=count: len(stack.log()) > count)
            time.sleep(after_s)
            assert end(process, signal.SIGKILL) == -signal.SIGKILL
        now = stack.log()
        assert now[: len(taken)] == taken, "a record was lost"
        taken = now
    with stack.running() as process:
        stack.await_that("the plan is drained", lambda: stack.phases()["acting"] > 0)
        stack.service.slow_s = (0.0, time.time() + 2.0)
        stack.await_that("recovery", lambda: stack.phases()["recovered"] > 0)
        assert stack.log()[: len(taken)] == taken
        count = stack.phases()
        assert (count["opened"], count["acting"], count["recovered"]) == (1, 1, 1)
        assert end(process, signal.SIGTERM) == 0
    assert not (stack.folder / "run" / "controller.ready").exists()
    stack.check_log()


def test_a_second_controller_on_one_data_folder_gets_one_line(stack: Stack) -> None:
    with stack.running() as process:
        second = stack.controller()
        assert second.wait(60.0) == 2
        said = (stack.folder / "controller.log").read_text().splitlines()
        refusals = [line for line in said if "another controller uses this data folder" in line]
        assert len(refusals) == 1, said  # the first one writes there too
        assert end(process, signal.SIGTERM) == 0


def test_bad_playbooks_are_refused_while_running_and_good_ones_loaded(stack: Stack) -> None:
    path = next(iter((stack.folder / "playbooks").glob("*.yaml")))
    good = path.read_text()
    log = stack.folder / "controller.log"
    with stack.running() as process:
        stack.await_that("a leader", lambda: stack.phases()["elected"] > 0)
        path.write_text(good.replace("80ms", "80 bananas"))
        process.send_signal(signal.SIGHUP)
        stack.await_that("the refusal", lambda: "playbooks refused" in log.read_text())
        assert process.poll() is None
        path.write_text(good.replace("slow-primary", "renamed"))
        stack.service.slow_s = (time.time(), time.time() + 1e9)
        stack.await_that("the new one acts", lambda: stack.phases()["acting"] > 0)
        opened = [r for r in map(json.loads, stack.log()) if r["phase"] == "opened"]
        assert [record["playbook"] for record in opened] == ["renamed"]
        assert end(process, signal.SIGTERM) == 0

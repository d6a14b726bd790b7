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
from itertools import pairwise

import psutil
import pytest

from tests.live.stack import LiveStack, eventually

pytestmark = [pytest.mark.live, pytest.mark.kills, pytest.mark.ray]
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


def test_all_of_ray_is_killed_and_no_reading_stops(stack: LiveStack) -> None:
    killed = _kill_all_of_ray(stack)
    assert {"gcs_server", "raylet"} <= killed
    shown = [_readings(stack)]
    eventually(lambda: _note_when_new(stack, shown) >= 8, "eight more seconds of readings", 30)
    ticks = [at_s for at_s, _ in shown]
    assert [b - a for a, b in pairwise(ticks)] == [1.0] * (len(ticks) - 1)
    assert [shown[0][1] - signals for _, signals in shown] == [frozenset()] * len(shown)
    states = _states(stack)
    assert states["source.silent_s"] == {"ok"}
    assert states["availability"] <= {"idle", "down", "stale"}, "nothing good is made up"
    eventually(lambda: _answers(stack), "users are served again", 180)
    stack.loop_works()


def _kill_all_of_ray(stack: LiveStack) -> set[str]:
    """Every daemon and worker of the stack's Ray; their names."""
    found = [
        process
        for process in psutil.Process(stack.up.pid).children(recursive=True)
        if process.name() in ("gcs_server", "raylet") or process.name().startswith("ray::")
    ]
    names = {process.name() for process in found}
    for process in found:
        process.kill()
    return names


def _document(stack: LiveStack) -> dict[str, object]:
    return dict(json.loads((stack.data_dir / "run" / "readings.json").read_text()))


def _readings(stack: LiveStack) -> tuple[float, frozenset[str]]:
    document = _document(stack)
    rows: list[dict[str, str]] = document["readings"]  # type: ignore[assignment]
    return float(str(document["at_s"])), frozenset(_name(row) for row in rows)


def _name(row: dict[str, str]) -> str:
    """Of the signal, without labels and window."""
    return row["signal"].partition("{")[0].partition("[")[0]


def _note_when_new(stack: LiveStack, shown: list[tuple[float, frozenset[str]]]) -> int:
    """One more tick, if there is; how many there are since the kill."""
    now = _readings(stack)
    if now[0] != shown[-1][0]:
        shown.append(now)
    return len(shown) - 1


def _states(stack: LiveStack) -> dict[str, set[str]]:
    states: dict[str, set[str]] = {}
    for row in _document(stack)["readings"]:  # type: ignore[attr-defined]
        states.setdefault(_name(row), set()).add(row["state"])
    return states


def _answers(stack: LiveStack) -> bool:
    try:
        status, _ = stack.ask("POST", "/recommend", b'{"user_id": "ada"}')
    except (OSError, ValueError):  # nobody listens, or a proxy without routes
        return False
    return status == 200


def test_everything_the_controller_did_replays_byte_for_byte(stack: LiveStack) -> None:
    said = json.loads(stack.must("replay", "--json"))
    assert said["differences"] == []
    assert said["missing_epochs"] == []
    assert said["equal"] == len(stack.records())

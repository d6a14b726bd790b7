"""Faults are really there, and leave nothing behind: also when a run is cancelled."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from controller.errors import Unavailable
from simulator.live.faults import FAULTS, Fault, Place
from simulator.live.faults.crashing_primary import TITLE
from simulator.live.faults.fault_file import FaultFile

CAP_S = 20.0
BY_FILE = {
    "slow_primary": {"arms": {"primary": {"delay_ms": 400.0, "share": 1.0, "error_share": 0.0}}},
    "stale_features": {"features": {"frozen_groups": ["user_recent", "item_hour"]}},
    "shifted_features": {"features": {"shifted_groups": {"item_hour": 5.0, "user_recent": 1.0}}},
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, FaultFile(tmp_path), time.time)


async def _until(condition: Callable[[], bool]) -> None:
    over = time.monotonic() + CAP_S
    while not condition():
        assert time.monotonic() < over, "it did not happen"
        await asyncio.sleep(0.02)


async def _cancelled_once(fault: Fault, place: Place, there: Callable[[], bool]) -> None:
    """Hold a fault for an hour, wait until it is there, and cancel it."""
    task = asyncio.ensure_future(fault.hold(place, 3_600.0))
    try:
        await _until(there)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


def _list_processes(data_dir: Path, **pids: int) -> None:
    path = data_dir / "run" / "processes.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(pids))


@contextmanager
def _sleeping(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command or ("sleep", "600"))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_states_its_truth(name: str) -> None:
    truth = FAULTS[name]().truth(1.0, 2.0)
    assert (truth.name, truth.on_at_s, truth.off_at_s) == (name, 1.0, 2.0)
    assert truth.cause
    assert not truth.must_act or truth.right_actions


@pytest.mark.parametrize("name", BY_FILE)
def test_a_fault_by_file_is_written_and_gone_afterwards(name: str, place: Place) -> None:
    path = place.data_dir / "faults.json"

    async def hold() -> dict[str, Any]:
        task = asyncio.ensure_future(FAULTS[name]().hold(place, 0.3))
        await _until(path.exists)
        found: dict[str, Any] = json.loads(path.read_text())
        await task
        return found

    assert asyncio.run(hold()) == BY_FILE[name]
    assert list(place.data_dir.iterdir()) == []


@pytest.mark.parametrize("name", BY_FILE)
def test_a_cancelled_fault_by_file_is_healed(name: str, place: Place) -> None:
    path = place.data_dir / "faults.json"
    asyncio.run(_cancelled_once(FAULTS[name](), place, path.exists))
    assert list(place.data_dir.iterdir()) == []


def test_two_faults_share_the_file_and_the_second_outlives_the_first(place: Place) -> None:
    path = place.data_dir / "faults.json"
    frozen = {"features": {"frozen_groups": ["user_recent"]}}
    other = {"features": {"frozen_groups": ["item_hour"]}, "arms": {"primary": {"delay_ms": 9}}}
    with place.fault_file.holding(other):
        with place.fault_file.holding(frozen):
            both = json.loads(path.read_text())
        assert json.loads(path.read_text()) == other
    assert sorted(both["features"]["frozen_groups"]) == ["item_hour", "user_recent"]
    assert both["arms"] == other["arms"]
    assert not path.exists()


def test_nothing_does_nothing(place: Place) -> None:
    asyncio.run(FAULTS["nothing"]().hold(place, 0.05))
    assert list(place.data_dir.iterdir()) == []


@pytest.mark.kills
@pytest.mark.parametrize(("name", "child"), [("redis_gone", "redis"), ("broker_gone", "broker")])
def test_an_outage_without_a_duration_kills_and_waits_for_the_successor(
    name: str, child: str, place: Place
) -> None:
    with _sleeping() as victim, _sleeping() as successor:
        _list_processes(place.data_dir, **{child: victim.pid})

        async def hold() -> None:
            task = asyncio.ensure_future(FAULTS[name]().hold(place, 0.0))
            await _until(lambda: victim.poll() is not None)
            await asyncio.sleep(0.3)
            assert not task.done(), "it is not over before there is a successor"
            _list_processes(place.data_dir, **{child: successor.pid})
            await asyncio.wait_for(task, CAP_S)

        asyncio.run(hold())
        assert victim.returncode == -9
        assert successor.poll() is None


@pytest.mark.kills
def test_an_outage_with_a_duration_stops_the_child_and_what_it_started_and_thaws_both(
    place: Place,
) -> None:
    with _sleeping("sh", "-c", "sleep 600 & wait") as victim:
        _list_processes(place.data_dir, redis=victim.pid)
        parent = psutil.Process(victim.pid)

        async def hold() -> None:
            await _until(lambda: len(parent.children()) == 1)
            [child] = parent.children()

            def statuses() -> list[str]:
                return [parent.status(), child.status()]

            task = asyncio.ensure_future(FAULTS["redis_gone"]().hold(place, 0.5))
            await _until(lambda: statuses() == [psutil.STATUS_STOPPED] * 2)
            await task
            await _until(lambda: psutil.STATUS_STOPPED not in statuses())
            child.kill()

        asyncio.run(hold())


@pytest.mark.kills
def test_a_cancelled_outage_is_thawed(place: Place) -> None:
    with _sleeping() as victim:
        _list_processes(place.data_dir, broker=victim.pid)
        process = psutil.Process(victim.pid)
        stopped = psutil.STATUS_STOPPED

        async def hold() -> None:
            broker_gone = FAULTS["broker_gone"]()
            await _cancelled_once(broker_gone, place, lambda: process.status() == stopped)
            await _until(lambda: process.status() != stopped)

        asyncio.run(hold())
        assert victim.poll() is None


def test_an_outage_of_what_this_stack_does_not_run_is_refused(place: Place) -> None:
    with pytest.raises(Unavailable, match="no list of the stack's processes"):
        asyncio.run(FAULTS["redis_gone"]().hold(place, 1.0))
    _list_processes(place.data_dir, controller=1)
    with pytest.raises(Unavailable, match="redis does not run in this stack"):
        asyncio.run(FAULTS["redis_gone"]().hold(place, 1.0))


@pytest.mark.parametrize(
    ("title", "is_primary"),
    [
        ("ray::ServeReplica:demo:arm-primary", True),
        ("ray::ServeReplica:demo:arm-primary.answer", True),
        ("ray::ServeReplica:demo:primary", True),
        ("ray::ServeReplica:demo:arm-challenger", False),
        ("ray::ServeReplica:demo:arm-primary-two", False),
        ("ray::ServeReplica:primary:router", False),
        ("python primary", False),
    ],
)
def test_a_primary_replica_is_known_by_its_title(title: str, is_primary: bool) -> None:
    assert bool(TITLE.search(title)) == is_primary


@pytest.mark.kills
def test_the_primary_replica_is_killed_again_when_it_comes_back(place: Place) -> None:
    # A stand-in with the title Ray gives its replicas: what is under test is finding and killing.
    restarting = (
        "import shutil, subprocess\n"
        "while True:\n"
        "    title = 'ray::ServeReplica:demo:arm-primary'\n"
        "    subprocess.run([title, '600'], executable=shutil.which('sleep'))\n"
    )
    with _sleeping(sys.executable, "-c", restarting) as host, _sleeping() as bystander:
        _list_processes(place.data_dir, serving=host.pid)
        parent = psutil.Process(host.pid)

        async def hold() -> set[int]:
            seen: set[int] = set()

            def note() -> bool:
                seen.update(child.pid for child in parent.children())
                return len(seen) >= 3

            await _until(lambda: bool(parent.children()))
            task = asyncio.ensure_future(FAULTS["crashing_primary"]().hold(place, 3_600.0))
            try:
                await _until(note)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            return seen

        killed = asyncio.run(hold())
        assert len(killed) >= 3
        assert host.poll() is None
        assert bystander.poll() is None
        children = parent.children()
        host.kill()
        for child in children:
            child.kill()


def test_without_a_primary_replica_the_crash_is_refused(place: Place) -> None:
    with _sleeping() as other:
        _list_processes(place.data_dir, serving=other.pid)
        with pytest.raises(Unavailable, match="no process of a primary replica"):
            asyncio.run(FAULTS["crashing_primary"]().hold(place, 0.0))

"""A child's death is noticed, said, and mended with back-off; stopping stops all of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controller.errors import SelfrightError, Unavailable
from selfright.supervisor import BACKOFF_MAX_S, STEADY_AFTER_S, Supervisor


@dataclass
class Child:
    """A child whose life the test decides."""

    name: str
    ready_at_once: bool = True
    fails_to_start: int = 0
    pid: int | None = None
    exit_code: int | None = None
    ready: bool = False
    starts: int = 0
    story: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.starts += 1
        self.story.append(f"start {self.name}")
        if self.fails_to_start:
            self.fails_to_start -= 1
            raise Unavailable("no room")
        self.pid, self.exit_code, self.ready = 1000 + self.starts, None, self.ready_at_once

    def is_ready(self) -> bool:
        return self.ready

    def stop(self) -> None:
        self.story.append(f"stop {self.name}")
        self.pid = None

    def die(self, exit_code: int) -> None:
        self.pid, self.exit_code = None, exit_code

    def log_tail(self, lines: int = 5) -> str:
        return "last words"


class World:
    def __init__(self, folder: Path) -> None:
        self.now_s = 0.0
        self.said: list[str] = []
        self.folder = folder
        self.supervisor = Supervisor(
            data_dir=folder,
            now_s=lambda: self.now_s,
            sleep_s=self._sleep,
            say=self.said.append,
        )

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def start(self, *children: Child) -> None:
        self.supervisor.start(children, lambda: False)

    def watch_for(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += 0.25
            self.supervisor.watch()

    def processes(self) -> dict[str, int]:
        text = (self.folder / "run" / "processes.json").read_text(encoding="utf-8")
        return dict(json.loads(text))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_dead_child_is_named_with_its_signal_and_started_again(world: World) -> None:
    child = Child("redis")
    world.start(child)
    child.die(-9)
    world.watch_for(1.0)
    assert child.starts == 2
    assert any("redis ended (killed by signal 9)" in line for line in world.said)
    assert any("redis is up again" in line for line in world.said)
    assert world.processes() == {"redis": child.pid}


def test_a_child_that_keeps_dying_is_started_ever_more_rarely(world: World) -> None:
    child = Child("controller")
    world.start(child)
    for _ in range(12):
        child.die(1)
        world.watch_for(BACKOFF_MAX_S + 1)
    starts = child.starts
    child.die(1)
    world.watch_for(BACKOFF_MAX_S - 1)
    assert child.starts == starts


def test_a_long_life_starts_the_back_off_anew(world: World) -> None:
    child = Child("controller")
    world.start(child)
    for _ in range(4):
        child.die(1)
        world.watch_for(10)
    world.watch_for(STEADY_AFTER_S + 1)
    child.die(1)
    world.watch_for(1.0)
    assert child.pid is not None


def test_a_start_that_fails_is_tried_again(world: World) -> None:
    child = Child("broker")
    world.start(child)
    child.die(1)
    child.fails_to_start = 2
    world.watch_for(10)
    assert child.pid is not None
    assert sum("did not start: no room" in line for line in world.said) == 2


def test_a_child_that_ends_at_its_first_start_is_the_whole_starts_failure(world: World) -> None:
    child = Child("serving", ready_at_once=False)

    def die_soon(seconds: float) -> None:
        world.now_s += seconds
        child.die(2)

    supervisor = Supervisor(
        data_dir=world.folder, now_s=lambda: world.now_s, sleep_s=die_soon, say=world.said.append
    )
    with pytest.raises(SelfrightError, match="serving did not start: exit status 2.*last words"):
        supervisor.start([child], lambda: False)


def test_other_children_are_watched_while_a_slow_one_starts(world: World) -> None:
    slow, quick = Child("serving"), Child("redis")
    world.start(slow, quick)
    slow.ready_at_once = False
    slow.die(1)
    world.watch_for(2)
    quick.die(-9)
    world.watch_for(2)
    assert not slow.ready
    assert quick.pid is not None


def test_stopping_ends_children_in_reverse_order_also_those_waiting(world: World) -> None:
    first, second = Child("redis"), Child("serving")
    world.start(first, second)
    second.die(1)
    world.supervisor.watch()
    first.story.clear()
    world.supervisor.stop()
    assert first.story == ["stop redis"]
    assert world.processes() == {}
    assert [line for line in world.said if line.startswith("stopping")] == [
        "stopping serving",
        "stopping redis",
    ]


def test_recycling_on_purpose_is_said_with_its_reason(world: World) -> None:
    child = Child("broker")
    world.start(child)
    world.supervisor.restart("broker", "it holds 600 MB")
    assert child.story == ["start broker", "stop broker", "start broker"]
    assert "restarting broker: it holds 600 MB" in world.said

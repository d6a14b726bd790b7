"""A controller that dies at any call of any port repeats nothing and loses nothing.

Dying before a call is dying after the one before it, so stepping through "after each call" covers
every point between two effects.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from controller.shell.journal import cut_torn_tail, segment_paths
from controller.shell.replay import compare, replay
from controller.shell.segment import read_segment
from controller.shell.verify import verify

World = Any
UNTIL_S = 46.0
CALLS_MAX = 150
STEPS = 15
"""Death points are walked in as many test cases, so that a failure names a narrow range."""


class Killed(BaseException):
    """The process is gone; nothing of it runs any more."""


class Fuse:
    """Counts port calls and ends the process after number ``at``."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0
        self.last = ""

    def wrap(self, name: str, port: Any) -> Any:
        return port if name == "reader" else Wired(name, port, self)

    def burn(self, call: str) -> None:
        self.calls += 1
        self.last = call
        if self.calls == self.at:
            raise Killed(call)


class Wired:
    """A port on the fuse."""

    def __init__(self, name: str, port: Any, fuse: Fuse) -> None:
        self._name, self._port, self._fuse = name, port, fuse

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            result = found(*args, **kwargs)
            self._fuse.burn(f"{self._name}.{method}")
            return result

        return call


def live_through(world: World, at: int) -> str | None:
    """Run the story with a death after call ``at``; which call it was, None if never reached."""
    fuse = Fuse(at)
    try:
        world.run(world.controller(wrap=fuse.wrap), until_s=UNTIL_S)
    except Killed:
        taken = world.log()
        cut_torn_tail(world.folder / "a" / "journal")
        world.run(world.controller(holder="two"), until_s=UNTIL_S)
        assert world.log()[: len(taken)] == taken, "a record was lost"
        return fuse.last
    return None


def check(world: World) -> None:
    log = world.log()
    assert verify(log, world.plan()["head"]).is_whole
    count = Counter(json.loads(line)["phase"] for line in log)
    assert {phase: count[phase] for phase in ("opened", "acting", "recovered")} == {
        "opened": 1,
        "acting": 1,
        "recovered": 1,
    }
    assert world.share() == 1.0
    copied = (world.folder / "a" / "decisions" / "records.jsonl").read_bytes().splitlines()
    assert copied == log
    paths = segment_paths([world.folder / "a" / "journal"])
    comparison = compare(replay([read_segment(path) for path in paths]), log)
    assert comparison.differences == ()
    assert comparison.missing_epochs == ()
    assert comparison.equal == len(log)


@pytest.mark.parametrize("step", range(STEPS))
def test_death_after_any_call_repeats_no_action_and_loses_no_record(
    new_world: Callable[..., World], step: int
) -> None:
    for at in range(1 + step, CALLS_MAX, STEPS):
        world = new_world(slow_s=(4.0, 18.0))
        where = live_through(world, at)
        try:
            check(world)
        except AssertionError as error:
            raise AssertionError(f"died after call {at}, {where}: {error}") from error


def test_the_steps_reach_beyond_the_whole_story_of_acting(new_world: Callable[..., World]) -> None:
    """Every kind of call dies at least once before the plan that acts is out and copied."""
    world = new_world(slow_s=(4.0, 18.0))
    seen: list[str] = []
    fuse = Fuse(CALLS_MAX)
    burn = fuse.burn
    fuse.burn = lambda call: (seen.append(call), burn(call))[1]  # type: ignore[method-assign]
    with pytest.raises(Killed):
        world.run(world.controller(wrap=fuse.wrap), until_s=UNTIL_S)
    kinds = {
        "store.lease",
        "store.load",
        "store.commit",
        "copy.follow",
        "journal.begin",
        "journal.write",
        "journal.flush",
        "snapshots.save",
    }
    assert kinds <= set(seen)
    assert "returning" in world.phases()

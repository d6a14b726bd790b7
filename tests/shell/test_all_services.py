"""Two services, one Redis, one cap: whoever asks first acts, the other says why it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.cap_ledger import CapLedger
from controller.adapters.memory_store import MemoryPlanStore
from controller.adapters.redis_store import RedisPlanStore
from controller.core.limits import Cap, Limits, Rate
from controller.core.settings import JudgeSettings
from controller.errors import Unavailable
from controller.ports import Reserved
from controller.shell.journal import segment_paths
from controller.shell.loop import Shell
from controller.shell.replay import compare, replay
from controller.shell.segment import read_segment
from controller.shell.what_if import what_if
from selfright.stack.redis_server import EmbeddedRedis
from tests.shell.conftest import JUDGE, START_S, World

LIMITS = Limits(all_services=Cap("everyone", Rate(1, 3_600.0)))


def settings_of(service: str) -> JudgeSettings:
    return replace(JUDGE, service=service, limits=LIMITS)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "redis", password="secret")
    server.start()
    yield server
    server.stop()


def run_together(worlds: list[World], until_s: float) -> None:
    shells: list[Shell] = [
        world.controller(settings=settings_of(world.folder.name)) for world in worlds
    ]
    while worlds[0].clock.now_s() < START_S + until_s:
        for shell in shells:
            shell.run_tick()
    for shell in shells:
        shell.close()


def blocked(world: World) -> list[str]:
    return [r["sentence"] for r in world.records() if r["phase"] == "blocked"]


def pages(world: World) -> list[str]:
    return [work["arguments"]["message"] for work in world.plan()["wanted"]]


class Shared(RedisPlanStore):
    down = False
    """As the scripted monitors ask of a store."""


@pytest.mark.live
def test_of_two_services_in_one_redis_exactly_one_acts_and_the_other_says_why(
    tmp_path: Path, redis: EmbeddedRedis
) -> None:
    worlds = [World(tmp_path / name) for name in ("shop", "news")]
    for world in worlds:
        store: Any = Shared(redis.url, "secret", world.folder.name)
        world.store = store
    run_together(worlds, until_s=12)
    acted = [world for world in worlds if "acting" in world.phases()]
    (held,) = [world for world in worlds if world not in acted]
    assert len(acted) == 1
    said = "all services together (everyone) have spent 1 of 1 actions in 60 min"
    assert said in blocked(held)[-1]
    assert sum(said in page for page in pages(held)) == 1


def test_the_journal_of_a_service_under_the_cap_replays_byte_for_byte(tmp_path: Path) -> None:
    world = World(tmp_path / "shop")
    run_together([world], until_s=12)
    assert "acting" in world.phases()
    segments = [read_segment(path) for path in segment_paths([world.folder / "a" / "journal"])]
    compared = compare(replay(segments), world.log())
    assert (compared.differences, compared.equal) == ((), len(world.log()))
    other = what_if(segments, world.playbooks.playbooks)
    assert [r["phase"] for r in other.records][:4] == world.phases()[:4]


def test_a_store_that_takes_commits_and_answers_no_question_lets_nothing_act(
    tmp_path: Path,
) -> None:
    class Silent(MemoryPlanStore):
        def reserve(self, *asked: Any, **more: Any) -> Reserved:
            raise Unavailable("the store may not be asked")

    world = World(tmp_path / "shop", slow_s=(5.0, 40.0))
    world.store = Silent(world.clock, CapLedger())
    shell = world.controller(settings=settings_of("shop"))
    world.run(shell, until_s=25)
    assert "acting" not in world.phases()
    assert "the store has not said for 10 s" in blocked(world)[-1]
    assert shell.numbers(0.0)["allowances_unheard"] >= 10
    assert json.dumps(world.plan()["wanted"]).count("has not said") == 1

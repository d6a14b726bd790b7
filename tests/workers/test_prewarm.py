"""Prewarming puts frequent users' slates where the router looks for them, in a real Redis."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import redis

from controller.adapters.redis_connection import connect, connect_async
from controller.core.plan import ArmPlan, Plan, Work
from controller.settings import REDIS_PASSWORD_ENV, Endpoints, Prewarming, Settings
from models.artifact import Trained
from models.bootstrap import bootstrap
from models.interactions import SCHEMA, write_rows
from models.registry import Registry
from selfright.stack.redis_server import EmbeddedRedis
from serving.arm_call import ArmAnswer
from serving.features import FeatureWrite, FeatureWriter
from serving.response_cache import ResponseCache
from serving.workers.prewarm import LOOK_BACK_S, Prewarm
from serving.workers.results import Done, Failed, Refused
from serving.workers.run import tasks_for
from tests.workers.test_retrain import interactions

NOW_S = 1_800_000_000.0
VISITS = {101: 5, 102: 3, 103: 2, 104: 1}
"""User to requests in the last minutes; user 200 came often, but long ago."""


def go_on() -> bool:
    return False


def visits(user: int, count: int, at_s: float) -> pa.Table:
    rows = [
        {
            "request_id": f"{user:08d}{number:08d}".encode(),
            "at_s": at_s,
            "user_id": user,
            "item_id": f"i{place}",
            "position": place,
            "clicked": False,
            "arm": "primary",
            "source": "served",
        }
        for number in range(count)
        for place in range(3)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prewarm")
    write_rows(folder / "interactions", "history-1.parquet", interactions(900, NOW_S - 7_200.0, 1))
    bootstrap(folder, now_s=NOW_S, seed=1)
    tables = [visits(user, count, NOW_S - 60.0) for user, count in VISITS.items()]
    tables.append(visits(200, 9, NOW_S - LOOK_BACK_S - 60.0))
    write_rows(folder / "interactions", "history-2.parquet", pa.concat_tables(tables))
    return folder


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def store(redis_server: EmbeddedRedis) -> Iterator[redis.Redis]:
    client = connect(redis_server.url, redis_server.password, 1.0)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def settings(
    data_dir: Path, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv(REDIS_PASSWORD_ENV, redis_server.password)
    return Settings(
        service="svc",
        data_dir=data_dir,
        endpoints=Endpoints(redis=redis_server.url),
        prewarm=Prewarming(most_users=3, users_per_s=1_000.0),
    )


def fill_features(store: redis.Redis, settings: Settings) -> None:
    FeatureWriter(store, settings.service, "run").write(
        FeatureWrite(
            recent={user: ["i1", "i2"] for user in VISITS},
            item_hour={"i1": 3.0},
            complete_to_s={"user_recent": NOW_S, "item_hour": NOW_S},
        )
    )


def cached(settings: Settings, version: str) -> dict[int, ArmAnswer]:
    """What the router's own cache finds, by user."""

    async def look() -> dict[int, ArmAnswer]:
        client = connect_async(settings.endpoints.redis, os.environ[REDIS_PASSWORD_ENV], 1.0)
        cache = ResponseCache(client, time.monotonic)
        try:
            found = {}
            for user in (*VISITS, 200):
                # The router gives up within 15 ms; here a slow machine must not look like a miss.
                for _ in range(20):
                    before, answer = (
                        cache.errors,
                        await cache.read("primary", version, user, settings.slate_size),
                    )
                    if answer is not None:
                        found[user] = answer
                    if cache.errors == before:
                        break
            return found
        finally:
            await client.aclose()

    return asyncio.run(look())


def newest(settings: Settings) -> str:
    return Registry(settings.data_dir / "artifacts").latest("primary") or ""


def wanted(wanting: Any, arm: str = "primary", ttl_s: float = 600.0) -> tuple[Work, Plan]:
    work = wanting.work("p1", "prewarm_cache", arm=arm)
    return work, replace(wanting.plan(work), cache_ttl_s=ttl_s)


def test_the_most_frequent_users_slates_are_found_by_the_router_and_expire(
    settings: Settings, store: redis.Redis, wanting: Any
) -> None:
    fill_features(store, settings)
    task = Prewarm(settings, lambda: NOW_S)
    result = task(*wanted(wanting), go_on)
    assert isinstance(result, Done), result
    assert result.detail == "slates of 3 of 3 frequent users of primary are cached"
    assert result.version is None  # it would be announced as a candidate
    found = cached(settings, newest(settings))
    assert set(found) == {101, 102, 103}
    assert all(len(answer.item_ids) == settings.slate_size for answer in found.values())
    lives_ms = [store.pttl(key) for key in store.scan_iter("c:primary:*")]
    assert len(lives_ms) == 3
    assert all(0 < life_ms <= 600_000 for life_ms in lives_ms)


def test_no_more_users_are_warmed_than_the_rate_allows_before_the_first_expire(
    settings: Settings, store: redis.Redis, wanting: Any
) -> None:
    fill_features(store, settings)
    slow = settings.model_copy(update={"prewarm": Prewarming(most_users=3, users_per_s=20.0)})
    result = Prewarm(slow, lambda: NOW_S)(*wanted(wanting, ttl_s=0.1), go_on)
    assert isinstance(result, Done), result
    assert result.detail == "slates of 2 of 2 frequent users of primary are cached"


def test_a_slate_that_would_rest_on_defaults_is_not_kept(
    settings: Settings, store: redis.Redis, wanting: Any
) -> None:
    result = Prewarm(settings, lambda: NOW_S)(*wanted(wanting), go_on)
    assert isinstance(result, Failed), result
    assert "slates of 0 of 3" in result.detail
    assert not list(store.scan_iter("c:*"))


def test_nobody_served_lately_and_no_redis_are_failures_that_may_heal(
    settings: Settings, wanting: Any
) -> None:
    late = Prewarm(settings, lambda: NOW_S + 86_400.0)(*wanted(wanting), go_on)
    assert late == Failed("nobody was served in the last 15 min")
    gone = settings.model_copy(update={"endpoints": Endpoints(redis="redis://127.0.0.1:1/0")})
    result = Prewarm(gone, lambda: NOW_S)(*wanted(wanting), go_on)
    assert result == Failed("features cannot be read from Redis")


def test_a_slate_that_is_not_valid_is_never_kept(
    settings: Settings, store: redis.Redis, wanting: Any
) -> None:
    fill_features(store, settings)
    scores = np.array([1.0, 0.5], np.float32)
    twice = Trained("popularity", {"item_ids": np.array(["i1", "i1"]), "scores": scores})
    registry = Registry(settings.data_dir / "artifacts")
    version = registry.register(twice, arm="primary", now_s=NOW_S, work_id="a candidate")
    work, plan = wanted(wanting)
    plan = replace(plan, arms={**plan.arms, "primary": ArmPlan(version, 1.0)})
    result = Prewarm(settings, lambda: NOW_S)(work, plan, go_on)
    assert result == Failed("primary failed after 0 users: an item twice", again=False)
    assert not list(store.scan_iter("c:*"))


def test_nothing_is_warmed_once_nobody_wants_it(
    settings: Settings, store: redis.Redis, wanting: Any
) -> None:
    fill_features(store, settings)
    result = Prewarm(settings, lambda: NOW_S)(*wanted(wanting), lambda: True)
    assert result == Failed("stopped after 0 of 3 users", again=False)
    assert not list(store.scan_iter("c:*"))


@pytest.mark.parametrize(
    ("arm", "ttl_s", "said"),
    [
        ("nobody", 600.0, "the plan has no arm 'nobody', only primary, fallback"),
        ("fallback", 600.0, "fallback answers from memory, its slates are not cached"),
        ("primary", 0.0, "the plan has the cache off (cache_ttl is 0)"),
    ],
)
def test_a_cache_that_cannot_be_filled_is_refused_with_the_reason(
    settings: Settings, wanting: Any, arm: str, ttl_s: float, said: str
) -> None:
    task = tasks_for(settings)["prewarm_cache"]
    assert task(*wanted(wanting, arm, ttl_s), go_on) == Refused(said)

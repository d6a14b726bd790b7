"""Writer and reader on a real Redis, one that hangs, and one that is killed and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.adapters.redis_connection import connect, connect_async
from controller.errors import Unavailable
from selfright.stack.redis_server import EmbeddedRedis
from serving.features import (
    REST_AFTER_FAILURE_S,
    FeatureReader,
    FeatureWrite,
    FeatureWriter,
    ServedFeatures,
)
from serving.workers.leases import RedisLeases

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    started = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    started.start()
    yield started
    started.stop()


def writer(server: EmbeddedRedis, service: str, run: str = "run") -> FeatureWriter:
    return FeatureWriter(connect(server.url, server.password, 1.0), service, run)


async def read(server: EmbeddedRedis, service: str, user_id: int) -> ServedFeatures:
    client = connect_async(server.url, server.password, 1.0)
    try:
        reader = FeatureReader(client, service, timeout_s=5.0)
        await reader.refresh()
        return await reader.read(user_id)
    finally:
        await client.aclose()


def test_what_is_written_is_read_with_its_age(server: EmbeddedRedis) -> None:
    one = writer(server, "a")
    assert not one.holds_our_last_write()
    now_s = time.time()
    one.write(
        FeatureWrite(
            {2**63: ["i2", "i1"]},
            {"i1": 3.0},
            {"user_recent": now_s - 5.0, "item_hour": now_s - 6.0},
        )
    )
    assert one.holds_our_last_write()
    features = asyncio.run(read(server, "a", 2**63))
    assert features.values.recent_items == ("i2", "i1")
    assert dict(features.values.item_counts_1h) == {"i1": 3.0}
    assert features.ages_s["user_recent"] >= 5.0
    assert features.ages_s["item_hour"] >= 6.0
    assert asyncio.run(read(server, "b", 2**63)).defaulted == ("user_recent", "item_hour")


def test_another_runs_write_and_an_emptied_store_are_noticed(server: EmbeddedRedis) -> None:
    one, other = writer(server, "c", "one"), writer(server, "c", "other")
    one.write(FeatureWrite())
    other.write(FeatureWrite())
    assert not one.holds_our_last_write()
    assert other.holds_our_last_write()
    connect(server.url, server.password, 1.0).delete("selfright:c:f:written")
    assert not other.holds_our_last_write()


def test_a_hanging_store_gives_defaults_and_right_values_afterwards(server: EmbeddedRedis) -> None:
    async def go() -> list[tuple[str, ...]]:
        writer(server, "d").write(FeatureWrite({1: ["i1"]}, {}, {"user_recent": 1.0}))
        client = connect_async(server.url, server.password, 1.0)
        reader = FeatureReader(client, "d", timeout_s=0.05)
        await reader.refresh()
        connect(server.url, server.password, 1.0).client_pause(700)
        hung = await reader.read(1)
        await asyncio.sleep(max(1.0, REST_AFTER_FAILURE_S))
        for user_id in range(2, 30):  # no answer may land at another's question
            assert (await reader.read(user_id)).values.recent_items == ()
        well = await reader.read(1)
        await client.aclose()
        return [hung.values.recent_items, well.values.recent_items]

    assert asyncio.run(go()) == [(), ("i1",)]


def test_leases_of_two_workers(server: EmbeddedRedis) -> None:
    client = connect(server.url, server.password, 1.0)
    one, other = RedisLeases(client, "e", "one"), RedisLeases(client, "e", "other")
    assert one.take("w", 60.0)
    assert one.take("w", 60.0)
    assert not other.take("w", 60.0)
    other.release("w")
    assert not other.take("w", 60.0)
    one.release("w")
    assert other.take("w", 0.001)
    deadline_s = time.monotonic() + 60.0
    while not one.take("w", 60.0):
        assert time.monotonic() < deadline_s


@pytest.mark.kills
def test_a_killed_redis_is_unavailable_and_filled_again(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.start()
    try:
        one = writer(server, "f")
        one.write(FeatureWrite({1: ["i1"]}))
        server.kill()
        with pytest.raises(Unavailable):
            one.write(FeatureWrite({1: ["i2"]}))
        with pytest.raises(Unavailable):
            one.holds_our_last_write()
        assert asyncio.run(read(server, "f", 1)).defaulted == ("user_recent", "item_hour")
        server.start()
        one.write(FeatureWrite({1: ["i2"]}, {}, {"user_recent": 1.0}))
        assert asyncio.run(read(server, "f", 1)).values.recent_items == ("i2",)
    finally:
        server.stop()

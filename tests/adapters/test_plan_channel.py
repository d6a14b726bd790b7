"""How routers read the plan, also while Redis goes and comes back."""

from __future__ import annotations

import asyncio
import json

import pytest

from controller.adapters.plan_channel import PlanChannel, SyncPlanChannel
from controller.adapters.redis_store import RedisPlanStore
from controller.errors import Rejected, Unavailable
from selfright.stack.child_process import free_port
from tests.adapters.commits import Chain, publish
from tests.adapters.polling import CAP_S

pytestmark = pytest.mark.live


async def _next_revision(plans) -> int:
    return json.loads(await asyncio.wait_for(anext(plans), CAP_S))["revision"]


def test_a_watch_gives_the_stored_plan_and_then_each_new_one(redis_server, service):
    store = RedisPlanStore(redis_server.url, redis_server.password, service)
    chain = Chain()
    publish(store, chain, 2)

    async def follow() -> list[int]:
        channel = PlanChannel(redis_server.url, redis_server.password, service)
        plans = channel.watch()
        seen = [await _next_revision(plans)]
        for _ in range(3):
            await asyncio.to_thread(publish, store, chain)
            seen.append(await _next_revision(plans))
        await plans.aclose()
        await channel.close()
        return seen

    assert asyncio.run(follow()) == [2, 3, 4, 5]
    store.close()


def test_no_plan_is_none(redis_server, service):
    channel = SyncPlanChannel(redis_server.url, redis_server.password, service)
    assert channel.load_plan() is None
    store = RedisPlanStore(redis_server.url, redis_server.password, service)
    (commit,) = publish(store, Chain())
    assert channel.load_plan() == commit.plan
    channel.close()
    store.close()


def test_an_async_channel_reads_the_same_bytes(redis_server, service):
    store = RedisPlanStore(redis_server.url, redis_server.password, service)
    (commit,) = publish(store, Chain())

    async def load() -> bytes | None:
        channel = PlanChannel(redis_server.url, redis_server.password, service)
        plan = await channel.load_plan()
        await channel.close()
        return plan

    assert asyncio.run(load()) == commit.plan
    store.close()


@pytest.mark.kills
def test_a_watch_survives_a_redis_that_is_killed(own_redis):
    store = RedisPlanStore(own_redis.url, own_redis.password, "recommender")
    chain = Chain()
    publish(store, chain)

    async def follow() -> list[int]:
        channel = PlanChannel(own_redis.url, own_redis.password, "recommender")
        plans = channel.watch()
        seen = [await _next_revision(plans)]
        own_redis.kill()
        with pytest.raises(Unavailable):
            await channel.load_plan()
        own_redis.start()
        seen.append(await _next_revision(plans))
        await asyncio.to_thread(publish, store, chain)
        seen.append(await _next_revision(plans))
        await plans.aclose()
        await channel.close()
        return seen

    assert asyncio.run(follow()) == [1, 1, 2]
    store.close()


def test_a_wrong_password_ends_a_watch_with_one_line(redis_server):
    async def follow() -> None:
        channel = PlanChannel(redis_server.url, "wrong", "recommender")
        try:
            await anext(channel.watch())
        finally:
            await channel.close()

    with pytest.raises(Rejected, match="SELFRIGHT_REDIS_PASSWORD"):
        asyncio.run(follow())


def test_a_redis_that_is_not_there_is_unavailable():
    channel = SyncPlanChannel(f"redis://127.0.0.1:{free_port()}/0", None, "recommender")
    with pytest.raises(Unavailable):
        channel.load_plan()

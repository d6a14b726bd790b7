"""How routers and workers read the plan: one value, and a channel that says when it changed.

The bytes are handed on as they are; whoever holds a plan ignores what is older (epoch, revision).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from controller.adapters.redis_connection import (
    REDIS_ERRORS,
    StoreKeys,
    connect,
    connect_async,
    world_error,
)
from controller.errors import Unavailable

RECONNECT_S = 0.2
"""Wait between two tries to reach a Redis that is gone."""


class PlanChannel:
    """For asyncio. Each watch holds one connection of its own."""

    def __init__(
        self, url: str, password: str | None, service: str, timeout_s: float = 1.0
    ) -> None:
        self._url = url
        self._plan_key = StoreKeys.of(service).plan
        self._redis = connect_async(url, password, timeout_s)

    async def load_plan(self) -> bytes | None:
        """The stored plan, None when there is none. Raise Unavailable or Rejected."""
        try:
            return cast("bytes | None", await self._redis.get(self._plan_key))
        except REDIS_ERRORS as error:
            raise world_error(error, self._url) from error

    async def watch(self) -> AsyncIterator[bytes]:
        """The stored plan now and after every reconnect, then each plan as it is published.

        Ends only when closed or cancelled; raise Rejected on a wrong password.
        """
        while True:
            try:
                async for plan in self._watch_once():
                    yield plan
            except REDIS_ERRORS as error:
                known = world_error(error, self._url)
                if not isinstance(known, Unavailable):
                    raise known from error
            await asyncio.sleep(RECONNECT_S)

    async def _watch_once(self) -> AsyncIterator[bytes]:
        async with self._redis.pubsub() as channel:
            # Subscribe first, read second: a plan published in between is seen twice, never missed.
            await channel.subscribe(self._plan_key)
            stored = await self._redis.get(self._plan_key)
            if stored is not None:
                yield cast(bytes, stored)
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if message is not None:
                    yield cast(bytes, message["data"])

    async def close(self) -> None:
        await self._redis.aclose()


class SyncPlanChannel:
    """For processes without an event loop: reads when asked."""

    def __init__(
        self, url: str, password: str | None, service: str, timeout_s: float = 1.0
    ) -> None:
        self._url = url
        self._plan_key = StoreKeys.of(service).plan
        self._redis = connect(url, password, timeout_s)

    def load_plan(self) -> bytes | None:
        """The stored plan, None when there is none. Raise Unavailable or Rejected."""
        try:
            return cast("bytes | None", self._redis.get(self._plan_key))
        except REDIS_ERRORS as error:
            raise world_error(error, self._url) from error

    def close(self) -> None:
        self._redis.close()

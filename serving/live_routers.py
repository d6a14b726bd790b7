"""How many routers are alive: each adds itself to a sorted set in Redis once a second.

Probe rates are for the whole service, so routers divide them. Without Redis the last count holds.
"""

from __future__ import annotations

import redis.asyncio

from controller.adapters.redis_connection import REDIS_ERRORS

ALIVE_S = 3.0
_KEY_LIFE_S = 60


class LiveRouters:
    def __init__(self, client: redis.asyncio.Redis, service: str, router_id: str) -> None:
        self._redis = client
        self._key = f"selfright:{service}:routers"
        self._router_id = router_id
        self._count = 1

    async def announce(self, now_s: float) -> int:
        """Say that this router is alive; return how many are, at least one."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.zadd(self._key, {self._router_id: now_s})
                pipe.zremrangebyscore(self._key, "-inf", now_s - ALIVE_S)
                pipe.zcard(self._key)
                pipe.expire(self._key, _KEY_LIFE_S)
                self._count = max(1, int((await pipe.execute())[2]))
        except REDIS_ERRORS:
            return self._count
        return self._count

"""Who does a work item: a lease per id, so that one attempt runs at a time.

While the store is away nobody takes anything; running attempts go on, and what they do is once per
id anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import redis

from controller.adapters.redis_connection import REDIS_ERRORS
from controller.errors import Unavailable

_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Leases(Protocol):
    """Both raise Unavailable."""

    def take(self, work_id: str, ttl_s: float) -> bool:
        """Take or renew; False while another worker holds it."""

    def release(self, work_id: str) -> None:
        """Give it up if we hold it."""


class RedisLeases:
    """Keys ``selfright:SERVICE:work:ID``."""

    def __init__(self, client: redis.Redis, service: str, worker_id: str) -> None:
        self._client = client
        self._prefix = f"selfright:{service}:work:"
        self._worker_id = worker_id

    def take(self, work_id: str, ttl_s: float) -> bool:
        ttl_ms = max(1, int(ttl_s * 1_000))
        return bool(self._run(_TAKE, work_id, self._worker_id, str(ttl_ms)))

    def release(self, work_id: str) -> None:
        self._run(_RELEASE, work_id, self._worker_id)

    def _run(self, script: str, work_id: str, *arguments: str) -> object:
        try:
            return self._client.eval(script, 1, self._prefix + work_id, *arguments)
        except REDIS_ERRORS as error:
            raise Unavailable(f"work leases: {error}") from error


class MemoryLeases:
    """The same within one process; workers that share ``held`` compete. Set ``down`` to lose it."""

    def __init__(
        self,
        worker_id: str,
        held: dict[str, tuple[str, float]] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.down = False
        self._worker_id = worker_id
        self._held = {} if held is None else held
        self._now_s = now_s

    def take(self, work_id: str, ttl_s: float) -> bool:
        self._require_up()
        holder, until_s = self._held.get(work_id, ("", 0.0))
        if holder not in ("", self._worker_id) and until_s > self._now_s():
            return False
        self._held[work_id] = (self._worker_id, self._now_s() + ttl_s)
        return True

    def release(self, work_id: str) -> None:
        self._require_up()
        if self._held.get(work_id, ("", 0.0))[0] == self._worker_id:
            del self._held[work_id]

    def _require_up(self) -> None:
        if self.down:
            raise Unavailable("work leases: down")

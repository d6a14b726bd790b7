"""The feature store in Redis: what the pipeline writes and the arms read.

Keys, below ``selfright:SERVICE:``, each one compact JSON string:

    f:user_recent:UID   ["item", …]                      newest first, at most 20
    f:item_hour         [complete_to_s, {"item": clicks}] clicks of the last hour
    f:watermark         {"group": complete_to_s}          each second
    f:written           RUN:N                             N writes of one pipeline run

**Age.** The age of a group as served is now minus the time up to which the pipeline has written
everything (its watermark), not the time since the row last changed: a user who clicked nothing
today has a fresh row, and a frozen pipeline makes every row stale at the same pace. A group whose
watermark was never read has no age: it is defaulted, not fresh.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import redis
from redis.exceptions import RedisError

from controller.errors import Unavailable
from models.recommender import FeatureValues

USER_RECENT = "user_recent"
ITEM_HOUR = "item_hour"
GROUPS = (USER_RECENT, ITEM_HOUR)
RECENT_LIMIT = 20
HOUR_S = 3_600.0
USER_RECENT_TTL_S = 30 * 86_400
READ_TIMEOUT_S = 0.020
REFRESH_EVERY_S = 1.0
REFRESH_TIMEOUT_S = 1.0
REST_AFTER_FAILURE_S = 0.5
"""After a failed read requests do not try again for this long: each gets its defaults at once."""

_EMPTY: Mapping[str, float] = MappingProxyType({})


def key_prefix(service: str) -> str:
    """Of every key of a service."""
    return f"selfright:{service}:"


@dataclass(frozen=True, slots=True)
class ServedFeatures:
    """Values for one request. ``ages_s`` by group; a group in ``defaulted`` has no age.

    ``not_found``: groups that were read well but hold nothing of this user or of any item.
    """

    values: FeatureValues
    ages_s: Mapping[str, float]
    defaulted: tuple[str, ...]
    not_found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureWrite:
    """What changed since the last write.

    ``recent``: user → items, newest first. ``item_hour``: None to leave it. ``complete_to_s``:
    group → the time up to which the pipeline has seen everything; groups left out keep theirs.
    """

    recent: Mapping[int, Sequence[str]] = field(default_factory=dict)
    item_hour: Mapping[str, float] | None = None
    complete_to_s: Mapping[str, float] = field(default_factory=dict)


class AsyncStore(Protocol):
    """The two commands the reader needs, as `redis.asyncio.Redis` has them."""

    def get(self, name: str) -> Awaitable[Any]: ...

    def mget(self, keys: list[str]) -> Awaitable[Any]: ...


class FeatureReader:
    """Reads features for requests; never raises for what the world does.

    One GET per request; watermarks and the hour's counters are read in the background each second
    and served from memory, the same mapping object until the next refresh. Belongs to one event
    loop: `start` there, `close` before it ends.
    """

    def __init__(
        self,
        store: AsyncStore,
        service: str,
        *,
        timeout_s: float = READ_TIMEOUT_S,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._prefix = key_prefix(service) + "f:"
        self._timeout_s = timeout_s
        self._now_s = now_s
        self._complete_to_s: dict[str, float] = {}
        self._item_hour = _EMPTY
        self._rest_until = 0.0
        self._task: asyncio.Task[None] | None = None
        self.failed_reads = 0
        """Reads that timed out, failed or gave garbage, since the start."""

    def start(self) -> None:
        """Keep the background part fresh from now on."""
        self._task = asyncio.create_task(self._refresh_forever(), name="feature-refresh")

    async def close(self) -> None:
        """Stop refreshing. The store's connection stays its owner's."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def read(self, user_id: int) -> ServedFeatures:
        """Features of a user within the timeout; defaults where there are none to be had."""
        items = await self._recent(user_id)
        now_s = self._now_s()
        defaulted = tuple(
            group
            for group in GROUPS
            if group not in self._complete_to_s or (group == USER_RECENT and items is None)
        )
        ages_s = {
            group: max(0.0, now_s - at_s)
            for group, at_s in self._complete_to_s.items()
            if group not in defaulted
        }
        held = {USER_RECENT: items, ITEM_HOUR: self._item_hour}
        not_found = tuple(group for group in GROUPS if group not in defaulted and not held[group])
        values = FeatureValues(items or (), self._item_hour)
        return ServedFeatures(values, ages_s, defaulted, not_found)

    async def refresh(self) -> bool:
        """Read watermarks and counters once; False when that failed and memory stays as it is."""
        keys = [self._prefix + "watermark", self._prefix + ITEM_HOUR]
        try:
            async with asyncio.timeout(REFRESH_TIMEOUT_S):
                watermark, item_hour = await self._store.mget(keys)
            complete_to_s = _numbers(json.loads(watermark)) if watermark else {}
            counts = _EMPTY
            if item_hour:
                at_s, raw = json.loads(item_hour)
                counts = MappingProxyType(_numbers(raw))
                complete_to_s[ITEM_HOUR] = float(at_s)
        except (RedisError, OSError, ValueError, TypeError, AttributeError):  # a timeout is OSError
            self.failed_reads += 1
            return False
        self._complete_to_s = complete_to_s
        self._item_hour = counts
        return True

    async def _recent(self, user_id: int) -> tuple[str, ...] | None:
        if time.monotonic() < self._rest_until:
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                raw = await self._store.get(f"{self._prefix}{USER_RECENT}:{user_id}")
            items = json.loads(raw) if raw else []
            if not isinstance(items, list):
                raise ValueError("user_recent is not a list")
        except (RedisError, OSError, ValueError):
            self.failed_reads += 1
            self._rest_until = time.monotonic() + REST_AFTER_FAILURE_S
            return None
        return tuple(str(item) for item in items[:RECENT_LIMIT])

    async def _refresh_forever(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_EVERY_S)


class FeatureWriter:
    """Writes features, all of a write or nothing. Synchronous: the pipeline has one thread."""

    def __init__(self, client: redis.Redis, service: str, run: str) -> None:
        self._client = client
        self._prefix = key_prefix(service) + "f:"
        self._run = run
        self._count = 0
        self._complete_to_s: dict[str, float] = {}

    def holds_our_last_write(self) -> bool:
        """False when the store came back empty or behind, or another run wrote: write it all.

        Raise Unavailable.
        """
        try:
            written = self._client.get(self._prefix + "written")
        except (RedisError, OSError) as error:
            raise Unavailable(f"features: {error}") from error
        return written == f"{self._run}:{self._count}".encode()

    def write(self, change: FeatureWrite) -> None:
        """Raise Unavailable; the caller keeps the change and tries again."""
        self._complete_to_s |= change.complete_to_s
        pipe = self._client.pipeline(transaction=True)
        for user_id, items in change.recent.items():
            pipe.set(
                f"{self._prefix}{USER_RECENT}:{user_id}",
                _compact(list(items)[:RECENT_LIMIT]),
                ex=USER_RECENT_TTL_S,
            )
        if change.item_hour is not None:
            row = [self._complete_to_s.get(ITEM_HOUR, 0.0), dict(change.item_hour)]
            pipe.set(self._prefix + ITEM_HOUR, _compact(row))
        pipe.set(self._prefix + "watermark", _compact(self._complete_to_s))
        pipe.set(self._prefix + "written", f"{self._run}:{self._count + 1}")
        try:
            pipe.execute()
        except (RedisError, OSError) as error:
            raise Unavailable(f"features: {error}") from error
        self._count += 1


def _numbers(raw: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in raw.items()}


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))

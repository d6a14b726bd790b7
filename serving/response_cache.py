"""Answers kept in Redis for a while, by arm, version, user and slate size.

A Redis that is gone or slow is a miss: it is then left alone for a second. It never raises and
never takes longer than its timeout.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import redis.asyncio

from controller.adapters.redis_connection import REDIS_ERRORS
from serving.arm_call import ArmAnswer

TIMEOUT_S = 0.015
PAUSE_S = 1.0
"""How long an unreachable Redis is not asked again."""


class ResponseCache:
    """For asyncio. ``now_s`` is a monotonic clock."""

    def __init__(self, client: redis.asyncio.Redis, now_s: Callable[[], float]) -> None:
        self._redis = client
        self._now_s = now_s
        self._asleep_until_s = 0.0
        self.errors = 0

    async def read(self, arm: str, version: str, user_hash: int, k: int) -> ArmAnswer | None:
        """The kept answer, or None."""
        if self._now_s() < self._asleep_until_s:
            return None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                text = await self._redis.get(_key(arm, version, user_hash, k))
        except REDIS_ERRORS:  # a timeout is an OSError
            self._sleep()
            return None
        return None if text is None else _decode(text, version)

    async def write(
        self, arm: str, user_hash: int, k: int, answer: ArmAnswer, ttl_s: float
    ) -> None:
        """Keep an answer; nobody should wait for this."""
        if self._now_s() < self._asleep_until_s or ttl_s <= 0.0:
            return
        key = _key(arm, answer.version, user_hash, k)
        kept = [
            answer.item_ids,
            answer.scores,
            dict(answer.ages_s),
            answer.defaulted,
            answer.not_found,
            answer.diversity,
        ]
        text = json.dumps(kept)
        try:
            async with asyncio.timeout(1.0):
                await self._redis.set(key, text, px=max(1, int(ttl_s * 1000)))
        except REDIS_ERRORS:  # a timeout is an OSError
            self._sleep()

    def _sleep(self) -> None:
        self.errors += 1
        self._asleep_until_s = self._now_s() + PAUSE_S


def _key(arm: str, version: str, user_hash: int, k: int) -> str:
    return f"c:{arm}:{version}:{user_hash}:{k}"


def _decode(text: bytes | str, version: str) -> ArmAnswer | None:
    """None for a value that another release wrote."""
    try:
        items, scores, ages_s, defaulted, not_found, diversity = json.loads(text)
    except ValueError:
        return None
    return ArmAnswer(
        tuple(items),
        tuple(scores),
        version,
        ages_s,
        tuple(defaulted),
        not_found=tuple(not_found),
        diversity=diversity,
    )

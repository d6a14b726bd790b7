"""Arms that are HTTP services of their own: one POST a request, over kept connections.

    {"request_id": "0a1b…", "user_hash": "9f86d081884c7d65", "k": 10, "wants_inputs": false}
    → 200 {"items": [{"item_id": "a", "score": 0.9}, …], "model_version": "7", "inputs": {}}

``user_hash`` is `serving.routing.identity.hash_user` in hexadecimal. Whatever else comes back is
raised, and becomes a value at the router's one boundary (`arm_attempt`). Nothing is tried twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

import aiohttp
from pydantic import BaseModel, Field, StrictStr, ValidationError

from controller.settings import Settings
from serving.arm_call import ArmAnswer, ArmCaller, ArmQuery, PendingAnswer
from serving.requests import LARGEST_SLATE

LARGEST_ANSWER_BYTES = 256 * 1024
CONNECTIONS_PER_ARM = 64
"""As many as a replica of our own takes at a time; who comes then waits, within its deadline."""
KEEP_ALIVE_S = 4.0
"""Shorter than servers keep an idle connection (5 s and more): who writes into one that the server
closes at that moment has lost the request."""
LONGEST_S = 60.0
"""A bound for what nobody cancels; the attempt's deadline is far sooner."""
Number = Annotated[float, Field(allow_inf_nan=False)]


class RefusedByArm(Exception):
    """Another status than 200."""


class NotASlate(Exception):
    """An answer that is too large, no JSON, or not of the form above."""


class _Item(BaseModel):
    item_id: StrictStr
    score: Number


class _Answer(BaseModel):
    """Other fields are the arm's own business."""

    items: Annotated[list[_Item], Field(max_length=LARGEST_SLATE)]
    model_version: Annotated[StrictStr, Field(max_length=128)] = ""
    inputs: Annotated[dict[str, Number], Field(max_length=256)] = {}


class HttpArms:
    """An `ArmCaller` for the arms that ``urls`` name; ``others`` has the rest.

    Belongs to one event loop, the one it is made in.
    """

    def __init__(self, urls: Mapping[str, str], others: ArmCaller) -> None:
        self._urls = urls
        self._others = others
        connector = aiohttp.TCPConnector(
            limit=0, limit_per_host=CONNECTIONS_PER_ARM, keepalive_timeout=KEEP_ALIVE_S
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=LONGEST_S),
            headers={"content-type": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def call(self, arm: str, query: ArmQuery) -> PendingAnswer:
        """Cancelling what it returns closes the connection: so the arm learns that nobody waits."""
        url = self._urls.get(arm)
        if url is None:
            return self._others.call(arm, query)
        return asyncio.ensure_future(self._ask(url, query))

    async def close(self) -> None:
        await self._session.close()

    async def _ask(self, url: str, query: ArmQuery) -> ArmAnswer:
        body = {
            "request_id": query.request_id.hex(),
            "user_hash": f"{query.user_hash:016x}",
            "k": query.k,
            "wants_inputs": query.wants_inputs,
        }
        async with self._session.post(
            url, data=json.dumps(body).encode(), allow_redirects=False
        ) as response:
            if response.status != HTTPStatus.OK:
                raise RefusedByArm(f"status {response.status}")
            return answer_from(await _bounded(response.content), query)


async def _bounded(stream: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for part in stream.iter_any():
        body += part
        if len(body) > LARGEST_ANSWER_BYTES:
            raise NotASlate(f"over {LARGEST_ANSWER_BYTES} bytes")
    return bytes(body)


def answer_from(body: bytes, query: ArmQuery) -> ArmAnswer:
    """Raise NotASlate. Whether it is a valid slate is looked at as with all arms (`arm_call`)."""
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        raise NotASlate(f"{error.error_count()} fields are wrong") from None
    return ArmAnswer(
        item_ids=tuple(item.item_id for item in answer.items),
        scores=tuple(item.score for item in answer.items),
        version=answer.model_version,
        inputs=answer.inputs if query.wants_inputs else {},
        cpu_ms=None,
    )


def arm_urls(settings: Settings) -> dict[str, str]:
    """The arms that live elsewhere."""
    return {name: arm.url for name, arm in settings.arms.items() if arm.url}

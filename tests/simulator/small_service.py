"""A small real HTTP service for tests of the driver: valid slates, or whatever a test wants."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from simulator.live.wire import Service
from simulator.population import Population

Answer = dict[str, Any] | int | float
"""A body, a status, or seconds to wait before a valid slate."""


class SmallService:
    """``answers`` gives the answer to the n-th request; None is a valid slate."""

    def __init__(
        self, population: Population, answers: Callable[[int], Answer | None] = lambda n: None
    ) -> None:
        self._population = population
        self._answers = answers
        self._random = random.Random(1)
        self.asked: list[dict[str, Any]] = []
        self.fed: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.port = 0

    def slate(self, k: int) -> dict[str, Any]:
        token = f"token-{len(self.tokens)}"
        self.tokens.append(token)
        items = self._random.sample(self._population.item_ids, k)
        return {
            "request_id": "00" * 16,
            "items": [{"item_id": item, "score": 1.0} for item in items],
            "served_by": "primary",
            "arm": "primary",
            "model_version": "v1",
            "degraded": False,
            "token": token,
        }

    async def recommend(self, request: web.Request) -> web.Response:
        body = await request.json()
        number = len(self.asked)
        self.asked.append(body)
        answer = self._answers(number)
        if isinstance(answer, bool):
            raise TypeError("a body, a status or seconds")
        if isinstance(answer, int):
            return web.json_response({"error": "no"}, status=answer)
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        return web.json_response(answer if isinstance(answer, dict) else self.slate(body["k"]))

    async def feedback(self, request: web.Request) -> web.Response:
        self.fed.append(await request.json())
        return web.json_response({"event_id": "00"}, status=202)

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "plan_epoch": 1, "plan_revision": 1})

    @asynccontextmanager
    async def running(self, timeout_s: float = 5.0) -> AsyncIterator[Service]:
        """A client of this service, listening on a free port of loopback."""
        app = web.Application()
        app.router.add_post("/recommend", self.recommend)
        app.router.add_post("/feedback", self.feedback)
        app.router.add_get("/health", self.health)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            timeout = aiohttp.ClientTimeout(total=timeout_s)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                yield Service(session, f"http://127.0.0.1:{self.port}")
        finally:
            await runner.cleanup()

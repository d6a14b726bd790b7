"""What a router works with: wired once by whoever starts it, real or in a test."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from controller.settings import Settings
from serving.arm_book import ArmBook
from serving.arm_call import ArmCaller
from serving.loaded_models import LoadedModels
from serving.loop_lag import LoopLag
from serving.response_cache import ResponseCache
from serving.routing import identity
from serving.routing.adaptive_limit import LimitRules
from serving.routing.table import RouteTable
from serving.telemetry_buffer import TelemetryBuffer


@dataclass(slots=True)
class Background:
    """Tasks nobody waits for, held so that they are not collected while they run."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Means:
    """``models`` holds the arms that answer in this process, the last resort among them.

    ``jitter`` gives numbers in [0, 1); ``random_bytes(n)`` gives n bytes for request ids.
    """

    settings: Settings
    table: RouteTable
    arms: ArmCaller
    models: LoadedModels
    telemetry: TelemetryBuffer
    token_key: bytes
    cache: ResponseCache | None = None
    partition: int = 0
    limits: LimitRules = field(default_factory=LimitRules)
    lag: LoopLag = field(default_factory=LoopLag)
    book: ArmBook = field(default_factory=ArmBook)
    background: Background = field(default_factory=Background)
    jitter: Callable[[], float] = random.random
    random_bytes: Callable[[int], bytes] = os.urandom

    def hash_user(self, user_id: str) -> int:
        return identity.hash_user(self.token_key, user_id)

    def hash_session(self, session_id: str) -> int:
        return identity.hash_session(self.token_key, session_id)

    def new_request_id(self) -> bytes:
        return identity.request_id(self.partition, self.random_bytes(identity.RANDOM_BYTES))

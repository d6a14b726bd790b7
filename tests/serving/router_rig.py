"""A router without Ray: arms are written down in the test, everything else is the real part."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controller.core.plan import Plan
from controller.ports import BusWriter
from controller.settings import Settings
from controller.telemetry.schema import SERVED
from models.registry import Registry
from serving.application import Application
from serving.arm_call import ArmAnswer, ArmQuery
from serving.loaded_models import LoadedModels
from serving.means import Means
from serving.plan_watch import baseline_plan
from serving.response_cache import ResponseCache
from serving.router import Router
from serving.routing.table import RouteTable
from serving.served_batch import served_batch
from serving.telemetry_buffer import TelemetryBuffer

KEY = b"a key of at least 16 characters"
Behaviour = Callable[[ArmQuery], Coroutine[Any, Any, ArmAnswer]]


async def good(query: ArmQuery) -> ArmAnswer:
    items = tuple(f"good-{i}" for i in range(query.k))
    scores = tuple(1.0 / (i + 1) for i in range(query.k))
    inputs = {"f": 1.0} if query.wants_inputs else {}
    return ArmAnswer(items, scores, "v1", {"user_recent": 2.0}, (), inputs, cpu_ms=0.5)


async def slow(query: ArmQuery) -> ArmAnswer:
    await asyncio.sleep(30.0)
    return await good(query)


async def broken(query: ArmQuery) -> ArmAnswer:
    raise ValueError("a defect of the arm")


async def malformed(query: ArmQuery) -> ArmAnswer:
    return ArmAnswer(("twice", "twice"), (1.0, 1.0), "v1")


@dataclass
class Call:
    """One pending answer, with whether anybody told it to stop."""

    task: asyncio.Task[ArmAnswer]
    cancelled: bool = False

    def __await__(self) -> Generator[Any, None, ArmAnswer]:
        return self.task.__await__()

    def cancel(self) -> None:
        self.cancelled = True
        self.task.cancel()


@dataclass
class Arms:
    """Arms by name; a name that is missing is an arm nobody runs."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def call(self, arm: str, query: ArmQuery) -> Call:
        call = Call(asyncio.ensure_future(self.behaviours[arm](query)))
        self.calls.append(call)
        return call


class Rig:
    """Make it inside a running loop."""

    def __init__(self, trained: Path, primary: Behaviour, **changes: Any) -> None:
        self.settings = Settings(data_dir=trained, control_share=0.0, input_sample_share=1.0)
        self.table = RouteTable(replace(baseline_plan(self.settings), cache_ttl_s=0.0))
        self.arms = Arms({"primary": primary})
        models = LoadedModels(Registry(trained / "artifacts"), ("fallback",))
        models.load({})
        self.telemetry = TelemetryBuffer(
            _no_writer, service="s", region="r", partition=0, most_rows_held=10_000
        )
        fields: dict[str, Any] = {
            "settings": self.settings,
            "table": self.table,
            "arms": self.arms,
            "models": models,
            "telemetry": self.telemetry,
            "token_key": KEY,
            "jitter": lambda: 0.0,
        }
        self.means = Means(**(fields | changes))
        self.router = Router(self.means)
        self.application = Application(self.router, "s", dict(self.settings.segments))

    def publish(self, **changes: Any) -> Plan:
        plan = replace(self.table.held, revision=self.table.held.revision + 1, **changes)
        assert self.table.offer(plan)
        return plan

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.ask("POST", path, raw, headers)

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        pairs = [(k.encode(), v.encode()) for k, v in (headers or {}).items()]
        scope = {"type": "http", "method": method, "path": path, "headers": pairs}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        return Answer(sent[0]["status"], sent[1]["body"])

    def rows(self, topic: str = SERVED) -> list[Mapping[str, Any]]:
        """What was put for a topic so far."""
        rows = [row for _, row in self.telemetry._rings.get(topic, ())]
        if topic != SERVED or not rows:
            return rows
        told: list[Mapping[str, Any]] = served_batch(rows).to_pylist()
        return told

    async def settle(self, condition: Callable[[], bool], cap_s: float = 20.0) -> None:
        """Let background tasks run until it holds."""
        give_up_s = time.monotonic() + cap_s
        while not condition():
            assert time.monotonic() < give_up_s, "it never came true"
            await asyncio.sleep(0.005)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def _no_writer() -> BusWriter:
    raise AssertionError("the buffer was not started")


class MemoryRedis:
    """The two commands the cache uses; `gone` makes both fail as a refused connection does."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.gone = False
        self.asked = 0

    async def get(self, key: str) -> str | None:
        self.asked += 1
        if self.gone:
            raise ConnectionRefusedError
        return self.kept.get(key)

    async def set(self, key: str, value: str, px: int) -> None:
        if self.gone:
            raise ConnectionRefusedError
        assert px > 0
        self.kept[key] = value


def memory_cache(store: MemoryRedis) -> ResponseCache:
    return ResponseCache(store, time.monotonic)  # type: ignore[arg-type]

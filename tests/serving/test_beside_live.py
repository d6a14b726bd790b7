"""An attached service on a real broker and Redis, and when both are killed under it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from controller.adapters.kafka_bus import KafkaBusReader
from controller.adapters.redis_connection import connect
from controller.core.plan import ArmPlan, Plan, plan_to_document
from controller.settings import REDIS_PASSWORD_ENV, TOKEN_KEY_ENV
from controller.telemetry.batches import TelemetryBatch, decode
from controller.telemetry.schema import OUTCOME, REPLICA, SERVED
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.redis_server import EmbeddedRedis
from serving.beside.attached import Attached
from tests.serving.beside_rig import KEY, ask_asgi
from tests.serving.test_telemetry_buffer import eventually

pytestmark = pytest.mark.live


class Service:
    """The FastAPI example on servers of its own."""

    def __init__(self, broker: EmbeddedBroker, redis: EmbeddedRedis, example: ModuleType) -> None:
        self.broker, self.redis, self.example = broker, redis, example
        self.attached: Attached = example.selfright
        self._readers = {
            topic: KafkaBusReader(broker.bootstrap, [(topic, 0)])
            for topic in (SERVED, OUTCOME, REPLICA)
        }
        self._seen: dict[str, list[dict[str, Any]]] = {topic: [] for topic in self._readers}

    def ask(self, user: str) -> dict[str, Any]:
        answer = ask_asgi(self.example.app, "GET", "/for-you", f"user={user}")
        assert answer.status == 200
        found: dict[str, Any] = answer.json
        return found

    def publish(self, plan: Plan) -> None:
        client = connect(self.redis.url, self.redis.password, 1.0)
        client.set(f"selfright:{plan.service}:plan", json.dumps(plan_to_document(plan)))
        client.close()

    def rows(self, topic: str) -> list[dict[str, Any]]:
        for message in self._readers[topic].poll(0.2, 100):
            batch = decode(message)
            assert isinstance(batch, TelemetryBatch), batch
            self._seen[topic] += batch.batch.to_pylist()
        return self._seen[topic]

    def close(self) -> None:
        self.attached.close()
        for reader in self._readers.values():
            reader.close()


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    broker, redis = EmbeddedBroker(tmp_path), EmbeddedRedis(tmp_path)
    running: Service | None = None
    try:
        broker.start()
        redis.start()
        monkeypatch.setenv(TOKEN_KEY_ENV, KEY.decode())
        monkeypatch.setenv(REDIS_PASSWORD_ENV, redis.password)
        monkeypatch.setenv("SELFRIGHT_KAFKA", broker.bootstrap)
        monkeypatch.setenv("SELFRIGHT_REDIS", redis.url)
        monkeypatch.delitem(sys.modules, "examples.fastapi_service", raising=False)
        running = Service(broker, redis, importlib.import_module("examples.fastapi_service"))
        yield running
    finally:
        if running is not None:
            running.close()
        redis.stop()
        broker.stop()


def test_a_service_obeys_the_plan_tells_the_bus_and_outlives_both_servers(service: Service) -> None:
    token = service.ask("ada")["token"]
    service.attached.outcome(token, clicked_positions=[0])
    eventually(lambda: len(service.rows(SERVED)) >= 1 and len(service.rows(OUTCOME)) >= 1)
    (served,) = service.rows(SERVED)
    assert served["arm"] in ("primary", "fallback")
    (outcome,) = service.rows(OUTCOME)
    assert (outcome["arm"], outcome["request_id"]) == (served["arm"], served["request_id"])

    gone = {"primary": ArmPlan("latest", 0.0), "fallback": ArmPlan("latest", 1.0)}
    plan = replace(service.attached.watch.table.held, epoch=5, revision=2, arms=gone)
    service.publish(plan)
    eventually(lambda: service.attached.watch.table.held == plan)
    service.ask("bo")
    eventually(lambda: len(service.rows(SERVED)) >= 2)
    assert service.rows(SERVED)[1]["arm"] == "fallback"
    eventually(lambda: any(row["plan_epoch"] == 5 for row in service.rows(REPLICA)))

    for server in (service.redis, service.broker):
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    for i in range(50):
        assert service.ask(f"user-{i}")["items"] == ["song-1", "song-2", "song-3"]
    assert service.attached.watch.table.held == plan, "the plan held stays"

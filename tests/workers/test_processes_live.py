"""Pipeline and workers as real processes, on a real broker and a real Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from controller.adapters.kafka_bus import KafkaBusReader, KafkaBusWriter
from controller.adapters.redis_connection import connect
from controller.core.plan import plan_to_document
from controller.settings import REDIS_PASSWORD_ENV, Endpoints, Settings
from controller.telemetry.batches import (
    TelemetryBatch,
    decode,
    encode_arrow,
    headers_for,
)
from controller.telemetry.schema import FEATURE, OUTCOME, SERVED, WORK
from models.interactions import read_interactions
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.redis_server import EmbeddedRedis

pytestmark = pytest.mark.live
PATIENCE_S = 90.0
REQUEST_ID = bytes(15) + b"\x07"


class Stack:
    """Broker, Redis, and our processes on them."""

    def __init__(self, folder: Path) -> None:
        self.broker = EmbeddedBroker(folder)
        self.redis = EmbeddedRedis(folder)
        self.processes: list[subprocess.Popen[str]] = []
        self.data_dir = folder / "data"
        self.data_dir.mkdir()

    def start(self) -> None:
        self.broker.start()
        self.redis.start()
        self.settings = Settings(
            data_dir=self.data_dir,
            attribution_window_s=2.0,
            endpoints=Endpoints(kafka=self.broker.bootstrap, redis=self.redis.url),
        )

    def launch(self, name: str, password: str | None = None) -> subprocess.Popen[str]:
        path = self.data_dir / "settings.json"
        path.write_text(self.settings.model_dump_json())
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", name, "--settings", str(path)],
            env=os.environ | {REDIS_PASSWORD_ENV: password or self.redis.password},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def client(self) -> redis.Redis:
        return connect(self.redis.url, self.redis.password, 1.0)

    def rows(self, topic: str) -> Callable[[], list[dict[str, Any]]]:
        """Asks for all rows of a topic so far."""
        reader = KafkaBusReader(self.broker.bootstrap, [(topic, 0)])
        seen: list[dict[str, Any]] = []

        def ask() -> list[dict[str, Any]]:
            for message in reader.poll(0.2, 100):
                batch = decode(message)
                assert isinstance(batch, TelemetryBatch)
                seen.extend(batch.batch.to_pylist())
            return seen

        return ask

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.redis.stop()
        self.broker.stop()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    started = Stack(tmp_path)
    try:
        started.start()
        yield started
    finally:
        started.stop()


def until(done: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not done():
        assert process.poll() is None, process.communicate()[1][-2_000:]
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.1)


def test_the_pipeline_joins_and_writes_features(stack: Stack) -> None:
    process = stack.launch("pipeline")
    until((stack.data_dir / "run" / "pipeline.ready").exists, process)
    writer, now_s = KafkaBusWriter(stack.broker.bootstrap), time.time()
    served = {
        "request_id": REQUEST_ID, "at_s": now_s, "done_at_s": now_s, "role": "user",
        "user_id": 9, "arm": "primary", "served_by": "primary",
        "slate": [{"item_id": "i1", "position": 0}, {"item_id": "i2", "position": 1}],
    }  # fmt: skip
    outcome = {
        "request_id": REQUEST_ID, "event_id": REQUEST_ID, "kind": "click",
        "clicked_positions": [1], "at_s": now_s + 0.1, "received_at_s": now_s + 0.1,
        "served_at_s": now_s,
    }  # fmt: skip
    headers = headers_for(producer_id="test", producer_seq=0, service="recommender")
    for topic, row in ((SERVED, served), (OUTCOME, outcome)):
        assert writer.send(topic, encode_arrow(topic, [row]), headers=headers, partition=0)
    assert writer.flush(30.0)
    client = stack.client()
    until(lambda: client.get("selfright:recommender:f:user_recent:9") == b'["i2"]', process)
    features = stack.rows(FEATURE)
    until(lambda: {row["group"] for row in features()} == {"user_recent", "item_hour"}, process)
    until(lambda: len(read_interactions(stack.data_dir / "interactions")) == 2, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    assert not (stack.data_dir / "run" / "pipeline.ready").exists()
    clicked = read_interactions(stack.data_dir / "interactions")["clicked"].to_pylist()
    assert clicked == [False, True]
    writer.close()


def test_workers_notify_once_and_say_so(stack: Stack, wanting: Any) -> None:
    work = wanting.work("n1", "notify", channel="oncall", message="look")
    document = plan_to_document(wanting.plan(work))
    document["wanted"][0]["expires_at_s"] = time.time() + 600.0
    stack.client().set("selfright:recommender:plan", json.dumps(document))
    statuses = stack.rows(WORK)
    for _ in range(2):
        process = stack.launch("workers")
        before = len(statuses())
        until(lambda n=before: [r["status"] for r in statuses()[n:]].count("done") >= 1, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    lines = (stack.data_dir / "notifications.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["n1"]


@pytest.mark.parametrize("name", ["pipeline", "workers"])
def test_a_wrong_password_is_one_line(stack: Stack, name: str) -> None:
    process = stack.launch(name, password="wrong")
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert said.count("\n") == 1
    assert "refuses the password" in said
    assert "wrong" not in said

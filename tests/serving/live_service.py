"""A whole serving host on real parts, and a light load that judges every answer."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.settings import REDIS_PASSWORD_ENV, TOKEN_KEY_ENV, Endpoints, Settings
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.redis_server import EmbeddedRedis

ROOT = Path(__file__).parent.parent.parent
START_CAP_S = 150.0


def eventually(condition: Callable[[], Any], what: str, cap_s: float = 90.0) -> Any:
    give_up_s = time.monotonic() + cap_s
    while not (found := condition()):
        assert time.monotonic() < give_up_s, f"never happened: {what}"
        time.sleep(0.1)
    return found


@dataclass
class Load:
    """Answers as they came: status and body, or the error of the connection."""

    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def invalid(self) -> list[tuple[int, dict[str, Any]]]:
        return [a for a in self.answers if a[0] != 200 or not a[1].get("items")]

    def served_by(self) -> list[str]:
        return [body.get("served_by", "") for _, body in self.answers]


@dataclass
class LiveService:
    data_dir: Path
    broker: EmbeddedBroker
    redis: EmbeddedRedis
    environ: dict[str, str]
    settings: Settings
    host: subprocess.Popen[bytes]
    port: int = 0

    @property
    def log(self) -> Path:
        return self.data_dir / "host.log"

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5.0)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 0, {"error": repr(error)}
        finally:
            connection.close()

    def recommend(self, user: int) -> tuple[int, dict[str, Any]]:
        return self.ask("POST", "/recommend", {"user_id": f"user-{user}"})

    @contextmanager
    def light_load(self) -> Iterator[Load]:
        """About 25 requests a second, each of another user, until the block ends."""
        load, stop = Load(), threading.Event()

        def run() -> None:
            user = 0
            while not stop.wait(0.04):
                load.answers.append(self.recommend(user))
                user += 1

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield load
        finally:
            stop.set()
            thread.join()

    def wait_ready(self) -> None:
        ready = self.data_dir / "run" / "serving.ready"

        def is_ready() -> bool:
            assert self.host.poll() is None, self.log.read_text()[-4000:]
            return ready.exists()

        eventually(is_ready, "serving is ready", START_CAP_S)
        self.port = json.loads(ready.read_text())["http_port"]


def start_host(data_dir: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    with (data_dir / "host.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "serving", "host", "--settings", str(data_dir / "s.json")],
            cwd=ROOT,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@contextmanager
def live_service(data_dir: Path) -> Iterator[LiveService]:
    """Broker, Redis and host on free ports; all ended whatever happens."""
    password = secrets.token_hex(16)
    broker, redis = EmbeddedBroker(data_dir), EmbeddedRedis(data_dir, password=password)
    environ = os.environ | {
        REDIS_PASSWORD_ENV: password,
        TOKEN_KEY_ENV: secrets.token_hex(32),
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    service: LiveService | None = None
    try:
        broker.start()
        redis.start()
        endpoints = Endpoints(kafka=broker.bootstrap, redis=redis.url, http_port=0)
        settings = Settings(
            data_dir=data_dir, faults_enabled=True, cache_ttl_s=0.0, endpoints=endpoints
        )
        (data_dir / "s.json").write_text(settings.model_dump_json())
        host = start_host(data_dir, environ)
        service = LiveService(data_dir, broker, redis, environ, settings, host)
        service.wait_ready()
        yield service
    finally:
        if service is not None and service.host.poll() is None:
            service.host.terminate()
            try:
                service.host.wait(30.0)
            except subprocess.TimeoutExpired:
                service.host.kill()
        redis.stop()
        broker.stop()

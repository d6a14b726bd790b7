"""`python -m serving host`: starts (or connects to) Ray, runs the application, stays.

One composition root. It watches what Ray cannot heal by itself, the death of its own daemons, and
ends then, so that the supervisor outside Ray starts it anew.
"""

from __future__ import annotations

import http.client
import importlib
import json
import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from controller.adapters.kafka_topics import addresses
from controller.adapters.redis_connection import redis_address
from controller.atomic_file import write_atomically
from controller.errors import BadInput, Unavailable
from controller.settings import Settings
from models.errors import ModelError
from serving import ray_cluster
from serving.free_ports import free_port, is_free
from serving.own_recommenders import arms_without_versions, open_registry
from serving.process_guard import dismiss, start_guard
from serving.process_record import ProcessRecord
from serving.replica_scaler import ReplicaScaler, serve_scaler
from serving.router_replica import deployed_arms
from serving.token_key import token_key

READY_FILE = Path("run") / "serving.ready"
READY_TIMEOUT_S = 120.0
RECORD_EVERY_S = 5.0
SCALE_EVERY_S = 1.0
_DAEMONS = ("raylet", "gcs_server")
_log = logging.getLogger(__name__)


def main(settings: Settings) -> int:
    """Serve until SIGTERM (0) or until Ray is beyond healing (1). Raise BadInput, Unavailable."""
    ready = settings.data_dir / READY_FILE
    ready.unlink(missing_ok=True)
    stop = threading.Event()
    _stop_on_signals(stop)
    record = ProcessRecord(settings.data_dir)
    record.end_all()
    settings = _checked(settings)
    if settings.endpoints.ray:
        return _serve_on_theirs(settings, stop)
    record.folders.append(str(ray_cluster.set_flags(settings.data_dir)))
    record.note([])
    guard = start_guard(settings.data_dir)
    try:
        ray = ray_cluster.start(Path(record.folders[0]))
        _stop_on_signals(stop)  # Ray sets its own handlers when it starts
        record.note(_children())
        _run_application(settings)
        _wait_until_ready(settings, stop)
        record.note(_children())
        if not stop.is_set():
            _write_ready(ready, settings, ray.get_runtime_context().gcs_address)
        return _watch(stop, record, _scaler(settings))
    finally:
        ready.unlink(missing_ok=True)
        record.note(_children())
        _shut_down()
        dismiss(guard)
        record.end_all()


def _stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def _checked(settings: Settings) -> Settings:
    """Settings that can be served, with a real port. Raise BadInput, one line each."""
    token_key()
    addresses(settings.endpoints.kafka)
    redis_address(settings.endpoints.redis)
    if settings.fallback_arm not in arms_without_versions(settings):
        _check_fallback_version(settings)
    endpoints = settings.endpoints
    port = endpoints.http_port or free_port()
    if not settings.endpoints.ray and not is_free(port, endpoints.http_host):
        raise BadInput(
            f"{endpoints.http_host}:{port} is taken; free it or set another port",
            field="endpoints.http_port",
        )
    return settings.model_copy(
        update={"endpoints": endpoints.model_copy(update={"http_port": port})}
    )


def _check_fallback_version(settings: Settings) -> None:
    """Raise BadInput for a last resort that is not there, or damaged."""
    registry = open_registry(settings)
    version = settings.arms[settings.fallback_arm].version
    try:
        named = registry.latest(settings.fallback_arm) if version == "latest" else version
        if named is None:
            raise BadInput(
                f"no model is registered for the fallback arm {settings.fallback_arm!r} in "
                f"{settings.data_dir / 'artifacts'}; nothing could answer without it"
            )
        registry.load(named)
    except ModelError as error:
        raise BadInput(str(error), field=f"arms.{settings.fallback_arm}.version") from error


def _run_application(settings: Settings) -> None:
    serve = importlib.import_module("ray.serve")
    serve.start(
        http_options={
            "host": settings.endpoints.http_host,
            "port": settings.endpoints.http_port,
            "request_timeout_s": 10.0,
        },
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )
    deployments = importlib.import_module("serving.deployments")
    try:
        serve.run(
            deployments.application(settings),
            name=settings.service,
            route_prefix="/",
            blocking=False,
            external_scaler_enabled=True,
        )
    except RuntimeError as error:
        raise Unavailable(_why_it_failed(serve, settings.service)) from error


def _why_it_failed(serve: Any, name: str) -> str:
    """What the replicas said, of which Ray's own error tells nothing."""
    application = serve.status().applications.get(name)
    for deployment, status in (application.deployments if application else {}).items():
        lines = [line.strip() for line in str(status.message).splitlines() if line.strip()]
        if lines and status.status != "HEALTHY":
            errors = [line for line in lines if "Error" in line or "BadInput" in line] or lines
            return f"deployment {deployment} does not start: {errors[-1]}"
    return f"application {name} does not start; see Ray's logs"


def _serve_on_theirs(settings: Settings, stop: threading.Event) -> int:
    """Run on a cluster that is there; its flags are its own. Stopping removes our application."""
    try:
        ray_cluster.connect(settings.endpoints.ray)
        _stop_on_signals(stop)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise Unavailable(f"Ray at {settings.endpoints.ray}: {error}") from error
    ready = settings.data_dir / READY_FILE
    serve = importlib.import_module("ray.serve")
    try:
        _run_application(settings)
        _wait_until_ready(settings, stop)
        if not stop.is_set():
            _write_ready(ready, settings, settings.endpoints.ray)
        scaler = _scaler(settings)
        while not stop.wait(SCALE_EVERY_S):
            scaler.turn()
        serve.delete(settings.service)
        return 0
    finally:
        ready.unlink(missing_ok=True)
        importlib.import_module("ray").shutdown()


def _wait_until_ready(settings: Settings, stop: threading.Event) -> None:
    """Until `/health` answers and `/recommend` gave a valid slate. Raise Unavailable."""
    give_up_s = time.monotonic() + READY_TIMEOUT_S
    body = {"user_id": "ready-check", "bot": True}
    last = "no slate"
    while not stop.wait(0.2):
        try:
            if _ask(settings, "GET", "/health", None):
                if _ask(settings, "POST", "/recommend", body).get("items"):
                    return
                last = "no slate"
        except (OSError, http.client.HTTPException, ValueError) as error:
            last = str(error) or type(error).__name__
        if time.monotonic() > give_up_s:
            raise Unavailable(f"serving did not answer in {READY_TIMEOUT_S:.0f} s: {last}")


def _ask(settings: Settings, method: str, path: str, body: Any) -> dict[str, Any]:
    """An empty answer stands for any status but 200."""
    endpoints = settings.endpoints
    connection = http.client.HTTPConnection(endpoints.http_host, endpoints.http_port, timeout=2.0)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    answer: dict[str, Any] = json.loads(text) if response.status == 200 else {}
    return answer


def _write_ready(path: Path, settings: Settings, ray_address: str) -> None:
    document = {
        "pid": os.getpid(),
        "http_port": settings.endpoints.http_port,
        "ray_address": ray_address,
        "arms": deployed_arms(settings),
    }
    write_atomically(path, json.dumps(document).encode())
    _log.info("serving on http://%s:%s", settings.endpoints.http_host, document["http_port"])


def _scaler(settings: Settings) -> ReplicaScaler:
    return ReplicaScaler(settings, serve_scaler(settings.service))


def _watch(stop: threading.Event, record: ProcessRecord, scaler: ReplicaScaler) -> int:
    """Until asked to stop, or until a daemon is gone that Ray does not restart."""
    daemons = [process for process in _children() if _name(process) in _DAEMONS]
    record_at_s = scaled_at_s = 0.0
    while not stop.wait(0.5):
        gone = [p.pid for p in daemons if not p.is_running() or p.status() == psutil.STATUS_ZOMBIE]
        if gone:
            _log.error("a Ray daemon is gone (pid %s): serving must be started anew", gone[0])
            return 1
        if time.monotonic() - record_at_s > RECORD_EVERY_S:
            record.note(_children())
            record_at_s = time.monotonic()
        if time.monotonic() - scaled_at_s > SCALE_EVERY_S:
            scaler.turn()
            scaled_at_s = time.monotonic()
    return 0


def _children() -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process().children(recursive=True)
    return found


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def _shut_down() -> None:
    """End our own cluster; its processes are recorded, so what hangs is ended by pid."""
    ending = threading.Thread(target=importlib.import_module("ray").shutdown, daemon=True)
    ending.start()
    ending.join(5.0)

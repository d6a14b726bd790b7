"""`selfright up`: which children there are, how they find each other, when the broker is recycled.

Whatever `endpoints` names is used as it is; what it leaves empty is started here on loopback.
Both ways the children get the same settings file: one code path.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from controller.adapters.kafka_topics import ensure_topics
from controller.adapters.redis_store import check_store
from controller.errors import BadInput, Rejected
from controller.exclusive_folder import only_one
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.settings import REDIS_PASSWORD_ENV, TOKEN_KEY_ENV, Settings
from controller.settings_file import with_endpoints
from selfright.broker_recycling import BrokerRecycling
from selfright.controller_silence import ControllerSilence
from selfright.first_models import ensure_models
from selfright.python_child import PythonChild
from selfright.running_stack import write_run_settings
from selfright.secret_file import RAY_TOKEN_ENV, load_or_make_secrets
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.child_process import free_port, is_port_free
from selfright.stack.redis_server import EmbeddedRedis
from selfright.supervisor import Supervised, Supervisor
from serving.own_recommenders import open_registry
from simulator.population.ratings_file import read_ratings

WATCH_EVERY_S = 0.25
TOPICS_CAP_S = 30.0
_IN_USE = "another `selfright up` runs on this data folder; stop it, or give --data-dir"
CHILDREN = {
    "controller": ("controller",),
    "serving": ("serving", "host"),
    "pipeline": ("serving", "pipeline"),
    "workers": ("serving", "workers"),
}


def run_up(
    settings: Settings, *, ratings: Path | None, seed: int, say: Callable[[str], None]
) -> None:
    """Start everything, watch it until SIGINT or SIGTERM, stop everything.

    Raises BadInput for what a person must mend (a port taken, a wrong password, a malformed
    ratings file, a second stack on one folder) and Unavailable when a child does not start.
    """
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    _check_before_anything_changes(settings, ratings)
    _make_folder(settings.data_dir)
    with only_one(settings.data_dir, "up", _IN_USE):
        secrets = load_or_make_secrets(settings.data_dir)
        os.environ.update(secrets)
        ensure_models(
            settings,
            ratings=ratings,
            token_key=secrets[TOKEN_KEY_ENV].encode(),
            now_s=time.time(),
            seed=seed,
            say=say,
        )
        _run(settings, secrets, stopping, say)


def _run(
    settings: Settings,
    secrets: dict[str, str],
    stopping: threading.Event,
    say: Callable[[str], None],
) -> None:
    ends = settings.endpoints
    broker = None if ends.kafka else EmbeddedBroker(settings.data_dir, 0, settings.partitions)
    redis = (
        None
        if ends.redis
        else EmbeddedRedis(settings.data_dir, password=secrets[REDIS_PASSWORD_ENV])
    )
    supervisor = Supervisor(
        data_dir=settings.data_dir, now_s=time.monotonic, sleep_s=stopping.wait, say=say
    )
    try:
        servers: list[Supervised] = [server for server in (broker, redis) if server is not None]
        supervisor.start(servers, stopping.is_set)
        resolved = _resolved(settings, broker, redis)
        path = write_run_settings(resolved)
        supervisor.start(
            [
                _python_child(name, path, resolved, secrets)
                for name in (*CHILDREN, *_counting(resolved))
            ],
            stopping.is_set,
        )
        if not stopping.is_set():
            say(f"ready: POST {_url(resolved)}/recommend (Ctrl-C stops everything)")
        _watch(resolved, broker, supervisor, stopping)
    finally:
        supervisor.stop()


def _watch(
    settings: Settings,
    broker: EmbeddedBroker | None,
    supervisor: Supervisor,
    stopping: threading.Event,
) -> None:
    recycling = BrokerRecycling(settings.data_dir, settings.broker_memory_mb)
    silence = ControllerSilence(settings.data_dir, time.time())
    while not stopping.wait(WATCH_EVERY_S):
        supervisor.watch()
        why = silence.due(time.time())
        if why:
            supervisor.restart("controller", why)
        if broker is not None and broker.pid is not None:
            why = recycling.due(broker.memory_mb(), time.monotonic())
            if why:
                supervisor.restart("broker", why)


def _resolved(
    settings: Settings, broker: EmbeddedBroker | None, redis: EmbeddedRedis | None
) -> Settings:
    ends = settings.endpoints
    filled: dict[str, str | int] = {
        "kafka": broker.bootstrap if broker else ends.kafka,
        "redis": redis.url if redis else ends.redis,
        "http_port": ends.http_port or free_port(),
        "metrics_port": ends.metrics_port or free_port(),
    }
    return with_endpoints(settings, filled)


def _python_child(
    name: str, path: Path, settings: Settings, secrets: dict[str, str]
) -> PythonChild:
    environment = {**os.environ, **secrets, "PYTHONUNBUFFERED": "1"}
    if not settings.endpoints.ray:
        # Ray's daemons listen on every interface; serving starts them and workers join them.
        environment[RAY_TOKEN_ENV] = secrets[RAY_TOKEN_ENV]
        environment["RAY_AUTH_MODE"] = "token"
    words = {**CHILDREN, **_counting(settings)}[name]
    arguments = [*words, "--settings", str(path)]
    return PythonChild(name, arguments, settings.data_dir, environment)


def _counting(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The tally workers that settings ask for."""
    count = settings.tally_workers
    return {
        f"tally-worker-{index}": ("controller.tally_worker", "--worker", f"{index}/{count}")
        for index in range(count)
    }


def _url(settings: Settings) -> str:
    return f"http://{settings.endpoints.http_host}:{settings.endpoints.http_port}"


def _make_folder(data_dir: Path) -> None:
    try:
        (data_dir / "run").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"{data_dir} cannot be a data folder ({error.strerror}); accepted: a folder that can "
            "be written",
            field="data_dir",
        ) from None


def _check_before_anything_changes(settings: Settings, ratings: Path | None) -> None:
    ends = settings.endpoints
    if ends.http_port and not is_port_free(ends.http_port, ends.http_host):
        raise BadInput(
            f"port {ends.http_port} on {ends.http_host} is taken by another program; accepted: "
            "a free port (--port N), or 0 for any free one",
            field="endpoints.http_port",
        )
    open_registry(settings)
    load_playbooks(settings.playbooks, settings, catalogue_of(settings))
    if ratings is not None:
        read_ratings(ratings)
    if ends.redis:
        try:
            check_store(ends.redis, os.environ.get(REDIS_PASSWORD_ENV))
        except Rejected as error:
            raise BadInput(str(error), field=REDIS_PASSWORD_ENV) from None
    if ends.kafka:
        ensure_topics(ends.kafka, settings.partitions, TOPICS_CAP_S)

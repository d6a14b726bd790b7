"""Latency and throughput of `/recommend` on the real stack, beside a plain ASGI floor.

``python -m benchmarks.serving [--quick] [--json]``. Open loop: latency counts from the scheduled
time, what was not answered validly counts as failed. The floor is one uvicorn process that answers
a body of the same size from memory, driven by the same client in the same run.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pyarrow as pa

from benchmarks.figure import Figure, run_benchmark
from controller.errors import Unavailable
from controller.settings import REDIS_PASSWORD_ENV, TOKEN_KEY_ENV, Endpoints, Settings
from models.bootstrap import bootstrap
from models.interactions import SCHEMA, write_rows
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.redis_server import EmbeddedRedis
from serving.free_ports import free_port

ROOT = Path(__file__).resolve().parent.parent
SEED = 1
USERS, ITEMS, HISTORY = 200, 400, 2_000
CONNECTIONS = 16
START_CAP_S = 150.0
P95_GOAL_MS = 50.0
LEAST_SHARE_OF_FLOOR = 0.02
"""Ray Serve's own share of the floor is about 0.15 for an empty router and an empty arm."""


@dataclass
class Run:
    """Latencies of valid answers in ms, and how many were not valid."""

    latencies_ms: list[float] = field(default_factory=list)
    failed: int = 0
    took_s: float = 0.0

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.latencies_ms, percent)) if self.latencies_ms else np.inf

    @property
    def per_s(self) -> float:
        return len(self.latencies_ms) / self.took_s


_PLAIN_BODY = json.dumps(
    {
        "request_id": "0" * 32,
        "items": [{"item_id": f"item-{i}", "score": 0.123456789} for i in range(10)],
        "token": "t" * 260,
    }
).encode()


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """The floor: reads the body, answers from memory. For uvicorn."""
    if scope["type"] != "http":
        return
    json.loads((await receive())["body"])
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _PLAIN_BODY})


async def _ask(session: aiohttp.ClientSession, url: str, user: int, run: Run, at_s: float) -> None:
    try:
        async with session.post(url, json={"user_id": f"user-{user % USERS}"}) as response:
            body = await response.json()
            valid = response.status == 200 and len(body["items"]) == 10
    except (aiohttp.ClientError, TimeoutError, KeyError):
        valid = False
    if valid:
        run.latencies_ms.append((time.perf_counter() - at_s) * 1000.0)
    else:
        run.failed += 1


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=5.0))


async def open_loop(url: str, per_s: float, seconds: float) -> Run:
    """Send on schedule whatever comes back; latency from the scheduled time."""
    run, tasks = Run(), set()
    async with _session() as session:
        started_s = time.perf_counter()
        for i in range(int(per_s * seconds)):
            at_s = started_s + i / per_s
            await asyncio.sleep(max(0.0, at_s - time.perf_counter()))
            tasks.add(asyncio.create_task(_ask(session, url, i, run, at_s)))
        await asyncio.gather(*tasks)
        run.took_s = time.perf_counter() - started_s
    return run


async def saturate(url: str, seconds: float) -> Run:
    """As many as a few connections can get answered: for throughput only, never for latency."""
    run = Run()
    stop_s = time.perf_counter() + seconds

    async def connection(number: int, session: aiohttp.ClientSession) -> None:
        user = number
        while time.perf_counter() < stop_s:
            await _ask(session, url, user, run, time.perf_counter())
            user += CONNECTIONS

    async with _session() as session:
        await asyncio.gather(*(connection(i, session) for i in range(CONNECTIONS)))
    run.took_s = seconds
    return run


def _history() -> pa.Table:
    rng = np.random.default_rng(SEED)
    shown = 10
    n = HISTORY * shown
    request = np.repeat(np.arange(HISTORY), shown)
    user = np.repeat(rng.integers(0, USERS, HISTORY), shown)
    item = rng.integers(0, ITEMS, n)
    return pa.table(
        {
            "request_id": [int(r).to_bytes(16, "big") for r in request],
            "at_s": 1_000.0 + request,
            "user_id": user.astype(np.uint64),
            "item_id": [f"item-{i}" for i in item],
            "position": np.tile(np.arange(shown), HISTORY).astype(np.int16),
            "clicked": rng.random(n) < np.where(item % 5 == user % 5, 0.4, 0.05),
            "arm": ["history"] * n,
            "source": ["history"] * n,
        },
        schema=SCHEMA,
    )


@contextmanager
def floor() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.serving:plain"]
    options = ["--port", str(port), "--no-access-log", "--log-level", "error", "--lifespan", "off"]
    with subprocess.Popen([*command, *options], cwd=ROOT) as process:
        try:
            url = f"http://127.0.0.1:{port}/"
            asyncio.run(_until_up(url))
            yield url
        finally:
            process.terminate()


@contextmanager
def service() -> Iterator[str]:
    """Broker, Redis, Ray Serve with two routers and one primary; all ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        write_rows(folder / "interactions", "history-1.parquet", _history())
        bootstrap(folder, now_s=2_000.0, seed=SEED)
        password = secrets.token_hex(16)
        os.environ |= {REDIS_PASSWORD_ENV: password, TOKEN_KEY_ENV: secrets.token_hex(32)}
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        broker, redis = EmbeddedBroker(folder), EmbeddedRedis(folder, password=password)
        try:
            broker.start()
            redis.start()
            endpoints = Endpoints(kafka=broker.bootstrap, redis=redis.url, http_port=free_port())
            settings = Settings(data_dir=folder, cache_ttl_s=0.0, endpoints=endpoints)
            file = folder / "settings.json"
            file.write_text(settings.model_dump_json())
            with _host(folder, file):
                yield f"http://127.0.0.1:{endpoints.http_port}/recommend"
        finally:
            redis.stop()
            broker.stop()


@contextmanager
def _host(folder: Path, file: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "serving", "host", "--settings", str(file)]
    with (folder / "host.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            give_up_s = time.monotonic() + START_CAP_S
            while not (folder / "run" / "serving.ready").exists():
                if process.poll() is not None or time.monotonic() > give_up_s:
                    raise Unavailable((folder / "host.log").read_text()[-2000:])
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(60.0)


async def _until_up(url: str) -> None:
    async with _session() as session:
        for _ in range(200):
            run = Run()
            await _ask(session, url, 0, run, time.perf_counter())
            if run.latencies_ms:
                return
            await asyncio.sleep(0.1)
    raise Unavailable(f"{url} does not answer")


def figures(rates_per_s: Sequence[float], seconds: float) -> Iterator[Figure]:
    with floor() as url:
        plain_runs = {rate: asyncio.run(open_loop(url, rate, seconds)) for rate in rates_per_s}
        plain_full = asyncio.run(saturate(url, seconds))
    with service() as url:
        asyncio.run(open_loop(url, 20.0, 2.0))  # the first requests pay for connections
        for rate in rates_per_s:
            yield from _at_rate(asyncio.run(open_loop(url, rate, seconds)), plain_runs[rate], rate)
        full = asyncio.run(saturate(url, seconds))
    ratio = full.per_s / plain_full.per_s
    yield Figure(
        f"answered with {CONNECTIONS} connections",
        full.per_s,
        "requests/s",
        plain_full.per_s,
        ratio,
        f"at least {LEAST_SHARE_OF_FLOOR} of the floor, none invalid",
        ratio >= LEAST_SHARE_OF_FLOOR and full.failed == 0,
    )


def _at_rate(run: Run, plain_run: Run, rate: float) -> Iterator[Figure]:
    asked = len(run.latencies_ms) + run.failed
    valid = len(run.latencies_ms) / asked
    yield Figure(
        f"valid slates at {rate:.0f}/s", valid, "share", 1.0, valid, "all of them", run.failed == 0
    )
    for percent in (50, 95, 99):
        value, baseline = run.percentile_ms(percent), plain_run.percentile_ms(percent)
        is_goal = percent == 95 and rate <= 100.0
        yield Figure(
            f"latency p{percent} at {rate:.0f}/s",
            value,
            "ms",
            baseline,
            value / baseline,
            f"below {P95_GOAL_MS:.0f} ms" if is_goal else "reported",
            value < P95_GOAL_MS or not is_goal,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every goal holds in this run, else 1."""
    return run_benchmark(
        __doc__ or "",
        arguments,
        lambda quick: figures((100.0,), 4.0) if quick else figures((100.0, 250.0, 500.0), 10.0),
    )


if __name__ == "__main__":
    sys.exit(main())

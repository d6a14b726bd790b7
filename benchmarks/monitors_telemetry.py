"""What telemetry costs serving: CPU of the call that writes a row and of the threads that send it.

Real rows, the real buffer and its threads, a real broker in another process, 250 rows a second on
schedule. The floor writes the same row to a file as a line of JSON, as an access log would.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from controller.settings import Endpoints, Settings
from controller.telemetry.schema import SERVED
from selfright.stack.broker import EmbeddedBroker
from serving.arm_call import ArmAnswer
from serving.served_row import Asked, Attempt, Served, served_row
from serving.telemetry_buffer import open_telemetry

PER_S = 250
GOAL_US = 30.0
SETTLE_S = 0.6
"""Longer than the linger, so that what was written is sent before the clock is read."""
SEED = 1


def figures(quick: bool) -> Iterator[Figure]:
    """CPU microseconds per recommendation."""
    count = PER_S * (4 if quick else 20)
    with tempfile.TemporaryDirectory() as folder:
        broker = EmbeddedBroker(Path(folder))
        try:
            broker.start()
            settings = Settings(endpoints=Endpoints(kafka=broker.bootstrap))
            cost_us = _telemetry_us(settings, count)
        finally:
            broker.stop()
        floor_us = _log_line_us(settings, count, Path(folder) / "access.log")
    yield Figure(
        f"telemetry of one recommendation at {PER_S}/s",
        cost_us,
        "us",
        floor_us,
        cost_us / floor_us,
        f"<= {GOAL_US:.0f} us of CPU",
        cost_us <= GOAL_US,
    )


def _telemetry_us(settings: Settings, count: int) -> float:
    before = set(threading.enumerate())
    telemetry = open_telemetry(settings, "benchmark")
    plan = settings.baseline_plan("")

    def write(asked: Asked, served: Served) -> None:
        telemetry.put(SERVED, partial(served_row, asked, served, plan))

    try:
        _on_schedule(write, settings, PER_S)
        time.sleep(SETTLE_S)
        threads = [thread for thread in threading.enumerate() if thread not in before]
        began_s = sum(map(_cpu_s, threads))
        calls_s = _on_schedule(write, settings, count)
        time.sleep(SETTLE_S)
        if telemetry.dropped_rows():
            raise RuntimeError(f"{telemetry.dropped_rows()} rows were dropped: nothing measured")
        return (calls_s + sum(map(_cpu_s, threads)) - began_s) / count * 1e6
    finally:
        telemetry.close()


def _log_line_us(settings: Settings, count: int, file: Path) -> float:
    plan = settings.baseline_plan("")
    with file.open("w") as log:

        def write(asked: Asked, served: Served) -> None:
            log.write(json.dumps(served_row(asked, served, plan), default=bytes.hex) + "\n")
            log.flush()

        return _on_schedule(write, settings, count) / count * 1e6


def _cpu_s(thread: threading.Thread) -> float:
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def _on_schedule(write: Callable[[Asked, Served], None], settings: Settings, count: int) -> float:
    """CPU seconds of this thread in ``write``, called so many times."""
    random = np.random.default_rng(SEED)
    began_s, used_s = time.perf_counter(), 0.0
    for n in range(count):
        asked, served = _request(random, n, settings)
        start_s = time.thread_time()
        write(asked, served)
        used_s += time.thread_time() - start_s
        time.sleep(max(0.0, began_s + n / PER_S - time.perf_counter()))
    return used_s


def _request(random: np.random.Generator, n: int, settings: Settings) -> tuple[Asked, Served]:
    """One user's request, answered with ten items; every fifth carries its 20 inputs."""
    scores = tuple(sorted(random.normal(size=10).tolist(), reverse=True))
    inputs = {f"feature_{f}": value for f, value in enumerate(random.normal(size=20).tolist())}
    answer = ArmAnswer(
        item_ids=tuple(str(item) for item in random.integers(0, 5_000, 10).tolist()),
        scores=scores,
        version="v1",
        ages_s=dict.fromkeys(settings.feature_groups, 3.0),
        inputs=inputs if n % 5 == 0 else {},
        cpu_ms=2.0,
    )
    asked = Asked(random.bytes(16), time.time(), n, n, {"platform": "ios"}, 10)
    served = Served(
        role="user",
        arm="primary",
        propensities={"primary": 0.98, "fallback": 0.02},
        evaluation_id="",
        unit=n,
        attempts=(Attempt("primary", "v1", 12.0, "ok"),),
        answer=answer,
        served_by="primary",
        outcome="ok",
        latency_ms=13.0,
        queue_depth=1,
        cache="miss",
    )
    return asked, served

"""What telemetry costs serving: CPU of the call that writes a row and of the threads that send it.

Real rows, the real buffer and its threads, a real broker in another process, 250 rows a second on
schedule. The floor writes the same row to a file as a line of JSON, as an access log would.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import Figure
from controller.core.plan import Plan
from controller.settings import Endpoints, Settings
from controller.telemetry.schema import SERVED
from selfright.stack.broker import EmbeddedBroker
from serving.arm_call import ArmAnswer
from serving.served_row import Asked, Attempt, Served
from serving.telemetry_buffer import open_telemetry

PER_S = 250
GOAL_US = 30.0
SETTLE_S = 0.6
"""Longer than the linger, so that what was written is sent before the clock is read."""
HELD = 2 * PER_S
"""Requests kept until after they are sent: to free them is the request's own work either way."""
SEED = 1


def figures(quick: bool) -> Iterator[Figure]:
    """CPU microseconds per recommendation: the least disturbed of some rounds, of both alike."""
    rounds, count = (2, PER_S * 2) if quick else (6, PER_S * 4)
    with tempfile.TemporaryDirectory() as folder:
        broker = EmbeddedBroker(Path(folder))
        try:
            broker.start()
            settings = Settings(endpoints=Endpoints(kafka=broker.bootstrap))
            cost_us = min(_telemetry_us(settings, rounds, count))
        finally:
            broker.stop()
        log = Path(folder) / "access.log"
        floor_us = min(_log_line_us(settings, count, log) for _ in range(rounds))
    yield Figure(
        f"telemetry of one recommendation at {PER_S}/s",
        cost_us,
        "us",
        floor_us,
        cost_us / floor_us,
        f"<= {GOAL_US:.0f} us of CPU",
        cost_us <= GOAL_US,
    )


def _telemetry_us(settings: Settings, rounds: int, count: int) -> Iterator[float]:
    before = set(threading.enumerate())
    telemetry = open_telemetry(settings, "benchmark")
    plan = settings.baseline_plan("")

    def write(asked: Asked, served: Served) -> None:
        telemetry.put(SERVED, (asked, served, plan))

    try:
        _on_schedule(write, settings, PER_S)
        time.sleep(SETTLE_S)
        threads = [thread for thread in threading.enumerate() if thread not in before]
        for _ in range(rounds):
            began_s = sum(map(_cpu_s, threads))
            calls_s = _on_schedule(write, settings, count)
            time.sleep(SETTLE_S)
            yield (calls_s + sum(map(_cpu_s, threads)) - began_s) / count * 1e6
        if telemetry.dropped_rows():
            raise RuntimeError(f"{telemetry.dropped_rows()} rows were dropped: nothing measured")
    finally:
        telemetry.close()


def _log_line_us(settings: Settings, count: int, file: Path) -> float:
    plan = settings.baseline_plan("")
    with file.open("w") as log:

        def write(asked: Asked, served: Served) -> None:
            log.write(json.dumps(_log_line(asked, served, plan)) + "\n")
            log.flush()

        return _on_schedule(write, settings, count) / count * 1e6


def _log_line(asked: Asked, served: Served, plan: Plan) -> dict[str, Any]:
    """What the row tells, as names and values."""
    answer = served.answer
    assert answer is not None
    return {
        "request_id": asked.request_id.hex(),
        "at_s": asked.at_s,
        "user": asked.user_hash,
        "session": asked.session_hash,
        "segments": asked.segments,
        "role": served.role,
        "unit": served.unit,
        "arm": served.arm,
        "propensities": served.propensities,
        "plan": (plan.epoch, plan.revision),
        "attempts": [
            (each.arm, each.version, each.elapsed_ms, each.result, each.reason)
            for each in served.attempts
        ],
        "served_by": served.served_by,
        "outcome": served.outcome,
        "latency_ms": served.latency_ms,
        "queue_depth": served.queue_depth,
        "cache": served.cache,
        "feature_ages": answer.ages_s,
        "items": answer.item_ids,
        "scores": answer.scores,
        "cpu_ms": answer.cpu_ms,
        "inputs": answer.inputs,
    }


def _cpu_s(thread: threading.Thread) -> float:
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def _on_schedule(write: Callable[[Asked, Served], None], settings: Settings, count: int) -> float:
    """CPU seconds of this thread in ``write``, called so many times, less the clock's own."""
    random = np.random.default_rng(SEED)
    held: deque[tuple[Asked, Served]] = deque(maxlen=HELD)
    began_s, used_s = time.perf_counter(), 0.0
    for n in range(count):
        asked, served = _request(random, n, settings)
        held.append((asked, served))
        time.thread_time()  # after a pause the clock's first answer takes long
        before_s = time.thread_time()
        start_s = time.thread_time()
        write(asked, served)
        used_s += time.thread_time() - start_s - (start_s - before_s)
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

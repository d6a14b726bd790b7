"""All monitors on: events/s of one core, memory of a partition, and one tick at 50 requests/s.

Batches of 1,000 served events with 20 inputs and 8 segment columns each, read from their messages.
The peer is river's per-event loop: a histogram per input, overall and in each of the event's
segments, a latency quantile and an error rate, which is the least that gives the same drift.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from typing import Any

import pyarrow as pa
from river import sketch, stats

from benchmarks.figure import Figure
from benchmarks.served_events import FEATURES, SEGMENTS, model_reference, served_events
from benchmarks.telemetry_second import RATE_PER_S, TelemetrySecond, later
from controller.monitors.monitor_set import MonitorSet
from controller.ports import Message
from controller.settings import Settings
from controller.telemetry.batches import TelemetryBatch, decode, encode_arrow, headers_for
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import MODEL, SERVED

START_S = 1_790_000_000
BATCH_ROWS = 1_000
GOAL_PER_S = 150_000
GOAL_RATIO = 20.0
GOAL_TICK_MS = 2.0
GOAL_MB = 10.0
HISTORY_S = 420
"""Longer than the longest default window but one, so that what is forgotten is forgotten."""


def figures(quick: bool) -> Iterator[Figure]:
    yield from _throughput(10 if quick else 60)
    yield from _at_50_per_s(60 if quick else 240)


def _settings() -> Settings:
    return Settings(segments=SEGMENTS)


def _throughput(rounds: int) -> Iterator[Figure]:
    monitors = _watching()
    batches = [served_events(BATCH_ROWS, START_S + n, seed=n) for n in range(5)]
    numbers = count()
    took_s = []
    for n in range(rounds + 5):
        value = encode_arrow(SERVED, later(batches[n % 5], n - n % 5))
        began_s = time.process_time()
        batch = _decoded(SERVED, value, next(numbers))
        monitors.update(batch)
        monitors.read(float(START_S + n), True)
        took_s.append(time.process_time() - began_s)
    # The mean: slow monitors count several batches at once.
    rate = BATCH_ROWS / statistics.fmean(took_s[5:])
    for name, with_segments, goal in (
        ("inputs and their segments", True, GOAL_RATIO),
        ("inputs alone", False, None),
    ):
        peer = _river_per_s(batches[0], 200, with_segments=with_segments)
        at_least = f">= {GOAL_PER_S:,} events/s" + (f", >= {goal:.0f}x river" if goal else "")
        yield Figure(
            f"events through all monitors, beside river: {name}",
            rate,
            "events/s",
            peer,
            rate / peer,
            at_least,
            rate >= GOAL_PER_S and (goal is None or rate >= goal * peer),
        )


def _river_per_s(batch: pa.RecordBatch, events: int, *, with_segments: bool) -> float:
    rows = batch.slice(0, events).to_pylist()
    names = [f"segment.{name}" for name in SEGMENTS] if with_segments else []
    drift: dict[Any, Any] = {}
    latency_ms, errors = stats.Quantile(0.95), stats.Mean()
    began_s = time.process_time()
    for row in rows:
        latency_ms.update(row["latency_ms"])
        errors.update(row["outcome"] == "error")
        groups = ["", *((name, row[name]) for name in names)]
        for each in row["inputs"]:
            for group in groups:
                key = (group, each["feature"])
                if key not in drift:
                    drift[key] = sketch.Histogram(max_bins=128)  # type: ignore[no-untyped-call]
                drift[key].update(each["value"])
    return events / (time.process_time() - began_s)


def _at_50_per_s(seconds: int) -> Iterator[Figure]:
    tracemalloc.start()
    monitors = _watching()
    source = TelemetrySecond(START_S, sampled=1.0, seed=1)
    numbers: defaultdict[str, Iterator[int]] = defaultdict(count)
    took_s = []
    for second in range(HISTORY_S + seconds):
        if second == HISTORY_S:
            held_mb = tracemalloc.get_traced_memory()[0] / 1e6
            tracemalloc.stop()
        messages = [(t, value, next(numbers[t])) for t, value in source.messages(second)]
        began_s = time.process_time()
        for topic, value, number in messages:
            monitors.update(_decoded(topic, value, number))
        read = dict(monitors.read(float(START_S + second + 1), True))
        took_s.append(time.process_time() - began_s)
    tick_ms = statistics.fmean(took_s[HISTORY_S:]) * 1e3
    yield Figure(
        f"one tick at {RATE_PER_S} requests/s, {len(read)} readings made",
        tick_ms,
        "ms",
        None,
        None,
        f"<= {GOAL_TICK_MS:.0f} ms",
        tick_ms <= GOAL_TICK_MS,
    )
    yield Figure(
        f"memory of one partition, {FEATURES} inputs, {len(SEGMENTS)} segment columns",
        held_mb,
        "MB",
        None,
        None,
        f"<= {GOAL_MB:.0f} MB",
        held_mb <= GOAL_MB,
    )


def _watching() -> MonitorSet:
    monitors = MonitorSet(_settings())
    reference = batch_from_rows(MODEL, [model_reference(START_S - 5.0)])
    monitors.update(TelemetryBatch(MODEL, 0, "model", 0, "recommender", "", 1, reference))
    return monitors


def _decoded(topic: str, value: bytes, number: int) -> TelemetryBatch:
    headers = headers_for(producer_id=topic, producer_seq=number, service="recommender")
    batch = decode(Message(topic, 0, number, "t", value, headers))
    assert isinstance(batch, TelemetryBatch)
    return batch

"""How fast monitors take telemetry and give readings, beside a numpy floor from the same run.

``python -m benchmarks.monitors [--quick] [--json]``. CPU time of this process, the median of
several rounds, since other programs share the machine. The floor bins the same numbers with
``searchsorted`` and ``bincount`` and does nothing else.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.controller_tick import reference_row, whole_tick
from benchmarks.figure import Figure, run_benchmark
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.data.drift import MONITOR as DRIFT
from controller.monitors.monitor_set import MonitorSet
from controller.ports import Message
from controller.settings import Settings
from controller.statistics.log_histogram import LogBuckets, LogHistogram
from controller.telemetry.batches import TelemetryBatch, decode, encode_arrow, headers_for
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import MODEL, SCHEMA_VERSION, SERVED

T0_S = 1_790_000_000.0
BATCH_ROWS = 250
HISTORY_S = 300
"""So much is in the tallies when they are read: the longest default window."""
DRIFT_ROWS = 1_000
FEATURES = 20
SAMPLED_EVERY = 5
SEED = 1


def figures(rounds: int) -> Iterator[Figure]:
    yield from _served(rounds)
    yield from _drift(rounds)
    yield from _histogram(rounds)
    yield whole_tick(rounds)


def _served(rounds: int) -> Iterator[Figure]:
    """Batches of users' requests through all monitors, then the whole catalogue."""
    monitors = MonitorSet(Settings())
    monitors.update(_batch(MODEL, [reference_row(T0_S)], 0))
    monitors.read(T0_S, True)
    served = batch_from_rows(SERVED, _requests())
    for second in range(HISTORY_S):
        monitors.update(_batch(SERVED, _later(served, second), second))
    last = _later(served, HISTORY_S)
    batches = iter([_batch(SERVED, last, HISTORY_S + n) for n in range(rounds)])
    update_s = _median_s(lambda: monitors.update(next(batches)), rounds)
    waits = np.random.default_rng(SEED).lognormal(3.0, 0.5, BATCH_ROWS)
    edges = np.geomspace(0.05, 60_000.0, 700)

    def floor() -> None:
        for _ in range(2 + len(Settings().feature_groups)):
            np.bincount(np.searchsorted(edges, waits), minlength=701)

    rate, floor_rate = BATCH_ROWS / update_s, BATCH_ROWS / _median_s(floor, rounds)
    yield Figure(
        "served rows through all monitors",
        rate,
        "rows/s",
        floor_rate,
        rate / floor_rate,
        f"update of {BATCH_ROWS} rows < 5 ms",
        update_s < 0.005,
    )
    value = encode_arrow(SERVED, served)
    head = headers_for(producer_id="bench", producer_seq=0, service="recommender")
    message = Message(SERVED, 0, 0, "t", value, head)
    rate = BATCH_ROWS / _median_s(lambda: decode(message), rounds)
    reading = BATCH_ROWS / _median_s(lambda: pa.ipc.open_stream(value).read_all(), rounds)
    yield Figure(
        "served rows decoded",
        rate,
        "rows/s",
        reading,
        rate / reading,
        ">= 100000 rows/s",
        rate >= 100_000,
    )
    end_s = T0_S + HISTORY_S
    read_s = _median_s(lambda: dict(monitors.read(end_s, True)), rounds)
    count = len(monitors.read(end_s, True))
    yield Figure(
        f"reading {count} series", read_s * 1_000, "ms", None, None, "< 20 ms", read_s < 0.020
    )


def _drift(rounds: int) -> Iterator[Figure]:
    """Input rows of 20 features into 8 quantile bins, in micro-batches."""
    tally = DRIFT.tally(Settings())
    tally.update(BatchView(MODEL, 0, batch_from_rows(MODEL, [reference_row(T0_S)])))
    values = np.random.default_rng(SEED).normal(size=(DRIFT_ROWS, FEATURES))
    names = [f"feature_{n}" for n in range(FEATURES)]
    rows = [
        {
            "done_at_s": T0_S + n / DRIFT_ROWS,
            "role": "user",
            "arm": "primary",
            "inputs": [{"feature": f, "value": float(v)} for f, v in zip(names, row, strict=True)],
        }
        for n, row in enumerate(values)
    ]
    batch = batch_from_rows(SERVED, rows)
    took_s = _median_s(lambda: tally.update(BatchView(SERVED, 0, batch)), rounds)
    edges = np.array([-1.15, -0.67, -0.32, 0.0, 0.32, 0.67, 1.15])

    def floor() -> None:
        for column in values.T:
            np.bincount(np.searchsorted(edges, column), minlength=10)

    rate, floor_rate = DRIFT_ROWS / took_s, DRIFT_ROWS / _median_s(floor, rounds)
    yield Figure(
        f"input rows of {FEATURES} features binned for drift",
        rate,
        "rows/s",
        floor_rate,
        rate / floor_rate,
        ">= 100000 rows/s",
        rate >= 100_000,
    )


def _histogram(rounds: int) -> Iterator[Figure]:
    buckets = LogBuckets(0.05, 60_000.0)
    histogram = LogHistogram(buckets)
    values = np.random.default_rng(SEED).lognormal(3.0, 0.5, 100_000)
    edges = np.geomspace(0.05, 60_000.0, buckets.size - 1)
    took_s = _median_s(lambda: histogram.record(values), rounds)
    floor_s = _median_s(
        lambda: np.bincount(np.searchsorted(edges, values), minlength=buckets.size), rounds
    )
    rate, floor_rate = values.size / took_s, values.size / floor_s
    yield Figure(
        "latencies into the log histogram",
        rate,
        "values/s",
        floor_rate,
        rate / floor_rate,
        ">= 5000000 values/s",
        rate >= 5e6,
    )


def _requests() -> list[dict[str, Any]]:
    generator = np.random.default_rng(SEED)
    return [
        {
            "request_id": generator.bytes(16),
            "at_s": T0_S - 1.0 + n / BATCH_ROWS,
            "done_at_s": T0_S - 0.98 + n / BATCH_ROWS,
            "role": "user",
            "bot": False,
            "arm": "primary",
            "served_by": "primary",
            "outcome": "ok",
            "latency_ms": float(generator.lognormal(3.0, 0.5)),
            "cache": "miss",
            "attempts": [
                {
                    "arm": "primary",
                    "model_version": "v1",
                    "elapsed_ms": float(generator.lognormal(3.0, 0.5)),
                    "result": "ok",
                    "reason": "",
                }
            ],
            "feature_ages": [
                {"group": group, "age_s": float(generator.exponential(5.0))}
                for group in Settings().feature_groups
            ],
            "defaulted": [],
            "slate": [
                {"item_id": str(n), "position": n, "propensity": 1.0, "team": None}
                for n in range(10)
            ],
            "inputs": [
                {"feature": f"feature_{f}", "value": float(generator.normal())}
                for f in range(FEATURES)
            ]
            if n % SAMPLED_EVERY == 0
            else None,
        }
        for n in range(BATCH_ROWS)
    ]


def _later(batch: pa.RecordBatch, by_s: float) -> pa.RecordBatch:
    """The same rows, some seconds later."""
    for name in ("at_s", "done_at_s"):
        moved = pc.add(batch.column(name), float(by_s))
        batch = batch.set_column(batch.schema.get_field_index(name), name, moved)
    return batch


def _batch(topic: str, rows: Any, seq: int) -> TelemetryBatch:
    batch = rows if isinstance(rows, pa.RecordBatch) else batch_from_rows(topic, rows)
    return TelemetryBatch(topic, 0, "bench", seq, "recommender", "local", SCHEMA_VERSION, batch)


def _median_s(call: Callable[[], Any], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        start_s = time.process_time()
        call()
        took.append(time.process_time() - start_s)
    return statistics.median(took)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every goal holds in this run, else 1."""
    return run_benchmark(__doc__ or "", arguments, lambda quick: figures(20 if quick else 200))


if __name__ == "__main__":
    sys.exit(main())

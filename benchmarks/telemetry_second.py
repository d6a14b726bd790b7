"""What a service of 50 requests a second sends within one, as messages: requests, clicks, reports.

Two routers send twice a second each; one request in five carries the model's inputs and what they
contributed, as the settings' ``input_sample_share`` has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.served_events import served_events
from controller.telemetry.batches import encode_arrow
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import OUTCOME, REPLICA, SERVED

RATE_PER_S = 50
BATCHES_PER_S = 4
CLICKS_PER_S = 3
KNOWN_ROWS = 2_000
"""Requests that are sent again and again, each time as new ones would be counted."""


class TelemetrySecond:
    """Healthy telemetry from ``start_s`` on; ``sampled``: the share of rows with inputs."""

    def __init__(self, start_s: int, sampled: float, seed: int) -> None:
        self._start_s = start_s
        rows = served_events(KNOWN_ROWS, start_s, seed).to_pylist()
        for row in (row for n, row in enumerate(rows) if n % round(1.0 / sampled)):
            row["inputs"] = row["contributions"] = None
        self._rows = batch_from_rows(SERVED, rows)

    def messages(self, second: int) -> Iterator[tuple[str, bytes]]:
        """(topic, value) of each message of the so-manieth second."""
        first = second * RATE_PER_S % (KNOWN_ROWS - RATE_PER_S)
        rows = self._rows.slice(first, RATE_PER_S)
        rows = later(rows, self._start_s + second - rows.column("done_at_s")[0].as_py())
        cuts = np.linspace(0, RATE_PER_S, BATCHES_PER_S + 1).astype(int)
        for start, end in pairwise(cuts.tolist()):
            yield SERVED, encode_arrow(SERVED, rows.slice(start, end - start))
        clicked = rows.slice(0, CLICKS_PER_S).to_pylist()
        yield OUTCOME, encode_arrow(OUTCOME, [_click(row) for row in clicked])
        at_s = float(self._start_s + second)
        reports = [_report(kind, n, at_s) for kind in ("router", "arm") for n in range(2)]
        yield REPLICA, encode_arrow(REPLICA, reports)


def later(batch: pa.RecordBatch, by_s: float) -> pa.RecordBatch:
    """The same rows, some seconds later."""
    for name in ("at_s", "done_at_s"):
        moved = pc.add(batch.column(name), float(by_s))
        batch = batch.set_column(batch.schema.get_field_index(name), name, moved)
    return batch


def _click(row: Mapping[str, Any]) -> dict[str, Any]:
    segments = {name: value for name, value in row.items() if name.startswith("segment.")}
    return segments | {
        "request_id": row["request_id"],
        "event_id": row["request_id"],
        "kind": "click",
        "at_s": row["done_at_s"],
        "received_at_s": row["done_at_s"],
        "served_at_s": row["at_s"],
        "arm": row["arm"],
        "top_score": row["top_score"],
    }


def _report(kind: str, n: int, at_s: float) -> dict[str, Any]:
    return {
        "at_s": at_s,
        "replica_id": f"{kind}-{n}",
        "kind": kind,
        "arm": "primary" if kind == "arm" else None,
        "queue_depth": 1,
        "in_flight": 1,
        "oldest_queued_s": 0.0,
        "cpu_share": 0.3,
        "memory_mb": 300.0,
        "telemetry_dropped": 0,
    }

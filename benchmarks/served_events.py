"""Served events as a busy service sends them: 20 inputs, 8 segment columns, a slate of ten."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import SERVED

FEATURES = 20
SLATE = 10
ITEMS = 5_000
SEGMENTS = {f"column_{n}": ("a", "b", "c") for n in range(8)}
_GROUPS = ("user_recent", "item_hour")


def served_events(rows: int, at_s: float, seed: int) -> pa.RecordBatch:
    """So many users' requests, done within one second from ``at_s``."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, FEATURES))
    items = random.zipf(1.5, size=(rows, SLATE)) % ITEMS
    chosen = random.integers(0, 3, size=(rows, len(SEGMENTS)))
    waits_ms = random.lognormal(3.0, 0.5, rows)
    scores = random.normal(size=rows)
    return batch_from_rows(
        SERVED,
        [
            {
                "request_id": random.bytes(16),
                "at_s": at_s + n / rows - waits_ms[n] / 1e3,
                "done_at_s": at_s + n / rows,
                "role": "user",
                "unit_id": n,
                "bot": False,
                "evaluation_id": "",
                "arm": "primary" if n % 50 else "fallback",
                "propensities": [
                    {"arm": "primary", "chance": 0.98},
                    {"arm": "fallback", "chance": 0.02},
                ],
                "attempts": [_attempt("primary" if n % 50 else "fallback", waits_ms[n])],
                "served_by": "primary" if n % 50 else "fallback",
                "outcome": "ok",
                "latency_ms": waits_ms[n],
                "queue_depth": 1,
                "cache": "miss",
                "feature_ages": [{"group": group, "age_s": 3.0 + n % 7} for group in _GROUPS],
                "defaulted": [],
                "not_found": [],
                "top_score": scores[n],
                "margin": 0.1,
                "entropy": 2.0,
                "slate": [_slot(items[n, k], k) for k in range(SLATE)],
                "product_feature_id": "home",
                "cpu_ms": 2.0,
                "inputs": [_input(f, inputs[n, f]) for f in range(FEATURES)],
                "contributions": [_input(f, inputs[n, f] * f / 10) for f in range(FEATURES)],
                "slate_diversity": 0.7,
                **{
                    f"segment.{name}": values[chosen[n, place]]
                    for place, (name, values) in enumerate(SEGMENTS.items())
                },
            }
            for n in range(rows)
        ],
    )


def model_reference(at_s: float) -> dict[str, Any]:
    """What the inputs' model was trained on: normal inputs, cut at their quantiles."""
    edges = [-1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28]
    reference = [
        {
            "feature": f"feature_{f}",
            "edges": edges,
            "counts": [5_000] * 10,
            "null_count": 0,
            "mean_contribution": f / 10,
        }
        for f in range(FEATURES)
    ]
    return {
        "at_s": at_s,
        "version": "v1",
        "arm": "primary",
        "status": "serving",
        "sha256": "ab",
        "reference": reference,
    }


def _attempt(arm: str, elapsed_ms: float) -> dict[str, Any]:
    return {
        "arm": arm,
        "model_version": "v1",
        "elapsed_ms": elapsed_ms,
        "result": "ok",
        "reason": "",
    }


def _slot(item: int, position: int) -> dict[str, Any]:
    return {"item_id": str(item), "position": position, "propensity": 1.0, "team": None}


def _input(feature: int, value: float) -> dict[str, Any]:
    return {"feature": f"feature_{feature}", "value": value}

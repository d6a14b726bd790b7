"""Writes the golden file of this release: one `served` message as it goes over the bus.

Run once per release (``python tests/telemetry/write_golden.py``) and keep the old files: later
releases must go on reading them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.telemetry.batches import encode_arrow
from controller.telemetry.schema import SCHEMA_VERSION, SERVED

GOLDEN = Path(__file__).parent / "golden" / f"served-v{SCHEMA_VERSION}.arrow"


def golden_rows() -> list[dict[str, Any]]:
    """Two requests: one with every column, one that was shed and has hardly any."""
    full = {
        "request_id": bytes(range(16)),
        "at_s": 1_790_000_000.25,
        "done_at_s": 1_790_000_000.5,
        "role": "user",
        "unit_id": 2**64 - 1,
        "session_id": 7,
        "bot": False,
        "evaluation_id": "",
        "arm": "primary",
        "propensities": [
            {"arm": "primary", "chance": 0.98},
            {"arm": "fallback", "chance": 0.02},
        ],
        "plan_epoch": 1_790_000_000,
        "plan_revision": 3,
        "attempts": [
            {
                "arm": "primary",
                "model_version": "v1",
                "elapsed_ms": 100.0,
                "result": "late",
                "reason": "deadline",
            },
            {
                "arm": "fallback",
                "model_version": "v0",
                "elapsed_ms": 0.5,
                "result": "ok",
                "reason": "",
            },
        ],
        "served_by": "fallback",
        "outcome": "ok",
        "latency_ms": 101.5,
        "queue_depth": 2,
        "cache": "miss",
        "feature_ages": [{"group": "user_recent", "age_s": 3.5}],
        "defaulted": ["item_hour"],
        "top_score": 1.5,
        "margin": 0.25,
        "entropy": 2.0,
        "slate": [{"item_id": "42", "position": 0, "propensity": 1.0, "team": None}],
        "product_feature_id": "home",
        "cpu_ms": 1.25,
        "gpu_ms": 0.0,
        "memory_mb_s": 0.5,
        "code_version": "0.1.0",
        "feature_set_version": "1",
        "inputs": [{"feature": "clicks_hour", "value": 12.0}],
        "user_id": 99,
        "segment.platform": "ios",
    }
    shed = {
        "request_id": bytes(16),
        "at_s": 1_790_000_001.0,
        "done_at_s": 1_790_000_001.0,
        "role": "user",
        "outcome": "shed",
        "latency_ms": 0.5,
        "served_by": "last_resort",
        "segment.platform": "web",
    }
    return [full, shed]


if __name__ == "__main__":
    GOLDEN.write_bytes(encode_arrow(SERVED, golden_rows()))

"""What a router or an arm's replica says of itself each second, and of the model it serves."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import psutil

from controller.core.plan import Plan
from models.artifact import Manifest

MODEL_EVERY_S = 30.0


class ReplicaReport:
    """Rows for the topics `replica` and `model`."""

    def __init__(self, replica_id: str, kind: str, arm: str | None) -> None:
        self._replica_id = replica_id
        self._kind = kind
        self._arm = arm
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._memory_mb = self._resident_mb()
        self._ended, self._spent_s = 0, 0.0
        """Attempts since the last row, and the time they took."""

    def note_attempt(self, elapsed_s: float) -> None:
        """One that ended, however it did."""
        self._ended += 1
        self._spent_s += elapsed_s

    def memory_mb_s(self, elapsed_s: float, in_flight: int) -> float:
        """A request's part of the memory this process holds, over the time it took.

        The ``in_flight`` requests of the time it ended share alike; memory is that of the last row.
        """
        return self._memory_mb * elapsed_s / max(1, in_flight)

    def _resident_mb(self) -> float:
        return float(self._process.memory_info().rss / 1e6)

    def row(
        self,
        *,
        in_flight: int,
        queue_depth: int,
        dropped_rows: int,
        version: str,
        plan: Plan | None = None,
        capacities: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """For routers only: the ``plan`` held, and answers a second by in-process arm."""
        self._memory_mb = self._resident_mb()
        answer_ms = 1_000.0 * self._spent_s / self._ended if self._ended else None
        self._ended, self._spent_s = 0, 0.0
        return {
            "at_s": time.time(),
            "replica_id": self._replica_id,
            "kind": self._kind,
            "arm": self._arm,
            "pid": os.getpid(),
            "queue_depth": queue_depth,
            "in_flight": in_flight,
            "oldest_queued_s": None,
            "cpu_share": self._process.cpu_percent() / 100.0,
            "gpu_share": None,
            "memory_mb": self._memory_mb,
            "model_version": version,
            "plan_epoch": plan.epoch if plan else None,
            "plan_revision": plan.revision if plan else None,
            "plan_head": plan.head if plan else None,
            "telemetry_dropped": dropped_rows,
            "capacities": None
            if capacities is None
            else [{"arm": arm, "per_s": per_s} for arm, per_s in capacities.items()],
            "answer_ms": answer_ms,
        }


def model_row(manifest: Manifest, arm: str, uri: str) -> dict[str, Any]:
    """That ``arm`` serves this version, with the reference monitors compare its inputs to."""
    return {
        "at_s": time.time(),
        "version": manifest.version,
        "arm": arm,
        "parent": manifest.parent,
        "work_id": manifest.work_id,
        "status": "serving",
        "uri": uri,
        "sha256": manifest.sha256,
        "gate_metrics": json.dumps(dict(manifest.gate_metrics)),
        "reference": [
            {
                "feature": bins.feature,
                "edges": list(bins.edges),
                "counts": list(bins.counts),
                "null_count": bins.null_count,
                "covariance": list(bins.covariance),
                "categories": list(bins.categories),
                "mean_contribution": bins.mean_contribution,
            }
            for bins in manifest.reference
        ],
    }

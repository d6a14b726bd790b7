"""Rows of telemetry with everything healthy, to be varied by each test."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from typing import Any

from controller.core.readings import Reading, SignalKey
from controller.monitors.monitor_set import MonitorSet
from controller.settings import Settings
from controller.telemetry.batches import TelemetryBatch
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import OUTCOME, REPLICA, SCHEMA_VERSION, SERVED

T0 = 1_790_000_000.0
_seqs: defaultdict[str, itertools.count[int]] = defaultdict(itertools.count)


def batch_of(topic: str, rows: list[dict[str, Any]], **more: Any) -> TelemetryBatch:
    fields: dict[str, Any] = {
        "topic": topic,
        "partition": 0,
        "producer_id": "test",
        "producer_seq": next(_seqs[topic]),
        "service": "recommender",
        "region": "local",
        "version": SCHEMA_VERSION,
        "batch": batch_from_rows(topic, rows),
    }
    return TelemetryBatch(**(fields | more))


def attempt(arm: str = "primary", elapsed_ms: float = 20.0, result: str = "ok", reason: str = ""):
    return {
        "arm": arm,
        "model_version": "v1",
        "elapsed_ms": elapsed_ms,
        "result": result,
        "reason": reason,
    }


def served(done_at_s: float = T0, **more: Any) -> dict[str, Any]:
    arm = more.get("arm", "primary")
    return {
        "request_id": os.urandom(16),
        "at_s": done_at_s - 0.02,
        "done_at_s": done_at_s,
        "role": "user",
        "bot": False,
        "arm": arm,
        "served_by": arm,
        "attempts": [attempt(arm)],
        "outcome": "ok",
        "latency_ms": 25.0,
        "cache": "miss",
        "feature_ages": [{"group": "user_recent", "age_s": 4.0}],
        "defaulted": [],
    } | more


def click(row: dict[str, Any], delay_s: float = 1.0, **more: Any) -> dict[str, Any]:
    return {
        "request_id": row["request_id"],
        "event_id": os.urandom(16),
        "kind": "click",
        "value": 1.0,
        "at_s": row["at_s"] + delay_s,
        "received_at_s": row["at_s"] + delay_s,
        "served_at_s": row["at_s"],
        "arm": row["arm"],
        "propensities": row.get("propensities"),
    } | more


def router(at_s: float, **more: Any) -> dict[str, Any]:
    return {
        "at_s": at_s,
        "replica_id": "router-1",
        "kind": "router",
        "plan_epoch": 5,
        "plan_revision": 7,
        "telemetry_dropped": 0,
    } | more


class Watch:
    """A monitor set in virtual time, with a router that reports every second."""

    def __init__(self, settings: Settings) -> None:
        self.set = MonitorSet(settings)
        self.readings: dict[SignalKey, Reading] = {}

    def feed(self, rows: list[dict[str, Any]], topic: str = SERVED, **more: Any) -> int:
        return self.set.update(batch_of(topic, rows, **more))

    def click(self, rows: list[dict[str, Any]]) -> int:
        return self.feed(rows, OUTCOME)

    def tick(self, at_s: float, *, up: bool = True, alive: bool = True) -> None:
        if alive:
            self.feed([router(at_s)], REPLICA)
        self.readings = self.set.read(at_s, up)

    def __getitem__(self, text: str) -> Reading:
        """By the key's text: ``arm_bad{arm=primary}[5s]``."""
        found = {str(key): reading for key, reading in self.readings.items()}
        return found[text]

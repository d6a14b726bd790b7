"""What a replica tells of its own process."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import REPLICA
from models.recommender import FeatureValues
from models.registry import Registry
from serving.arm_call import ArmQuery
from serving.loaded_models import LoadedModels
from serving.local_capacity import LEAST_ANSWERS, LocalCapacity
from serving.replica_report import ReplicaReport


def test_requests_at_once_share_the_memory_of_their_time() -> None:
    report = ReplicaReport("arm-primary-1", "arm", "primary")
    row = report.row(in_flight=4, queue_depth=4, dropped_rows=0, version="v1")
    assert row["memory_mb"] > 10.0
    assert row["gpu_share"] is None
    assert report.memory_mb_s(2.0, 4) == pytest.approx(row["memory_mb"] / 2.0)
    assert report.memory_mb_s(2.0, 0) == pytest.approx(row["memory_mb"] * 2.0)


def test_a_row_has_the_mean_time_of_the_attempts_since_the_last_one() -> None:
    report = ReplicaReport("arm-primary-1", "arm", "primary")

    def answer_ms() -> float | None:
        row = report.row(in_flight=0, queue_depth=0, dropped_rows=0, version="v1")
        return batch_from_rows(REPLICA, [row]).column("answer_ms").to_pylist()[0]

    assert answer_ms() is None
    report.note_attempt(0.010)
    report.note_attempt(0.030)
    assert answer_ms() == pytest.approx(20.0)
    assert answer_ms() is None


def fallback_models(folder: Path, *arms: str) -> LoadedModels:
    models = LoadedModels(Registry(folder / "artifacts"), arms or ("fallback",))
    models.load({})
    return models


def test_a_router_reports_what_its_core_could_answer_by_the_real_fallback(
    trained_dir: Path,
) -> None:
    models = fallback_models(trained_dir)
    capacity = LocalCapacity(models, slate_size=10)
    assert capacity.per_s() == {}
    capacity.measure(("fallback",))
    told = capacity.per_s()
    assert math.isfinite(told["fallback"])
    assert told["fallback"] > 0.0
    assert models.spent("fallback") == (0, 0.0)
    report = ReplicaReport("router-1", "router", None)
    row = report.row(in_flight=0, queue_depth=0, dropped_rows=0, version="v1", capacities=told)
    batch = batch_from_rows(REPLICA, [row])
    [[said]] = batch.column("capacities").to_pylist()
    assert said == {"arm": "fallback", "per_s": told["fallback"]}


def test_where_users_answers_take_longer_than_was_measured_the_lower_is_reported(
    trained_dir: Path,
) -> None:
    models = fallback_models(trained_dir, "fallback", "primary")
    capacity = LocalCapacity(models, slate_size=1)
    capacity.measure(("fallback", "primary"))
    measured = capacity.per_s()["primary"]
    features = FeatureValues()
    for user in range(LEAST_ANSWERS):
        models.answer("primary", ArmQuery(b"", user, 2_000, wants_inputs=True), features)
    answers, cpu_s = models.spent("primary")
    assert answers == LEAST_ANSWERS
    assert capacity.per_s()["primary"] == min(measured, answers / cpu_s)


def test_an_arm_that_fails_or_is_not_loaded_has_no_known_capacity(trained_dir: Path) -> None:
    capacity = LocalCapacity(fallback_models(trained_dir), slate_size=10)
    capacity.measure(("fallback", "nobody"))
    assert capacity.per_s().keys() == {"fallback"}

"""Retraining registers one candidate per work id, from the span that was asked for."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.bootstrap import bootstrap
from models.interactions import SCHEMA, write_rows
from models.registry import Registry
from serving.workers.announcements import ModelRows, work_row
from serving.workers.finished import Status
from serving.workers.ray_process import RayProcess
from serving.workers.results import Done, Failed, Refused
from serving.workers.retrain import Retrain, RetrainOrder, fulfil_here

NOW_S = 1_800_000_000.0


def go_on() -> bool:
    return False


def interactions(count: int, before_s: float, seed: int) -> pa.Table:
    """``count`` requests in the hour before a time; users click the first item of their group."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "request_id": rng.bytes(16),
            "at_s": before_s - 3_600.0 * (1.0 - index / count) - 0.01,
            "user_id": int(user),
            "item_id": f"i{item}",
            "position": place,
            "clicked": bool(item % 5 == user % 5),
            "arm": "primary",
            "source": "served",
        }
        for index, user in enumerate(rng.integers(1, 40, size=count))
        for place, item in enumerate(rng.choice(30, size=5, replace=False))
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Two days old history with first models, and an hour of new interactions."""
    folder = tmp_path / "interactions"
    write_rows(folder, "history-1.parquet", interactions(300, NOW_S - 2 * 86_400.0, seed=1))
    bootstrap(tmp_path, NOW_S - 86_400.0, seed=1)
    write_rows(folder, "history-2.parquet", interactions(300, NOW_S, seed=2))
    return tmp_path


def task(data_dir: Path, fulfil_order: Any = fulfil_here) -> Retrain:
    return Retrain(data_dir, fulfil_order, lambda: NOW_S)


def test_a_candidate_of_the_span_is_registered(data_dir: Path, wanting: Any) -> None:
    work = wanting.work(kind="retrain", arm="primary", data_s=86_400.0)
    result = task(data_dir)(work, wanting.plan(work), go_on)
    assert isinstance(result, Done)
    registry = Registry(data_dir / "artifacts")
    manifest = registry.manifest(result.version or "")
    assert manifest.work_id == work.id
    assert manifest.parent == registry.latest("primary")
    assert manifest.data["rows"] == 1_500.0
    assert manifest.data["first_at_s"] > NOW_S - 86_400.0
    assert manifest.data["last_at_s"] > registry.manifest(manifest.parent).created_at_s
    assert manifest.reference


def test_the_same_work_trains_once(data_dir: Path, wanting: Any) -> None:
    work = wanting.work(kind="retrain", arm="primary", data_s=86_400.0)
    first = task(data_dir)(work, wanting.plan(work), go_on)
    again = task(data_dir)(work, wanting.plan(work), go_on)
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert again.version == first.version
    assert len(Registry(data_dir / "artifacts").versions()) == 3


def test_an_arm_of_popularity_is_retrained_as_one(data_dir: Path, wanting: Any) -> None:
    work = wanting.work(kind="retrain", arm="fallback")
    result = task(data_dir)(work, wanting.plan(work), go_on)
    assert isinstance(result, Done)
    assert Registry(data_dir / "artifacts").manifest(result.version or "").kind == "popularity"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"arm": "other"}, "arm 'other' is not one of fallback, primary"),
        ({}, "arm None is not one of"),
        ({"arm": "primary", "data_s": -1.0}, "data_s is -1.0"),
        ({"arm": "primary", "data_s": "last week"}, "data_s is 'last week'"),
        ({"arm": "primary", "data_s": 1.0}, "too little to learn from"),
    ],
    ids=str,
)
def test_what_cannot_be_trained_is_refused(
    data_dir: Path, wanting: Any, arguments: dict[str, Any], reason: str
) -> None:
    work = wanting.work(kind="retrain", **arguments)
    result = task(data_dir)(work, wanting.plan(work), go_on)
    assert isinstance(result, Refused)
    assert reason in result.detail
    assert len(Registry(data_dir / "artifacts").versions()) == 2


def test_orders_survive_the_way_to_another_process(data_dir: Path, wanting: Any) -> None:
    orders: list[RetrainOrder] = []

    def keep(order: RetrainOrder, stopping: Any) -> Done:
        orders.append(order)
        return Done("kept")

    work = wanting.work(kind="retrain", arm="primary")
    task(data_dir, keep)(work, wanting.plan(work), go_on)
    assert RetrainOrder.from_text(orders[0].to_text()) == orders[0]


ORDER = RetrainOrder("w", "primary", "factorization", "", "", "", 0.0, 1.0, 1)


def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> RayProcess:
    """A stand-in for the process that talks to Ray."""
    (tmp_path / "stand_in_job.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return RayProcess(lambda: "somewhere", module="stand_in_job")


def test_the_last_line_of_the_process_is_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'print("noise"); print(\'{"end": "done", "detail": "ok", "version": "v"}\')'
    assert job(tmp_path, monkeypatch, text)(ORDER, go_on) == Done("ok", "v")


def test_a_process_that_dies_is_a_failure_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = job(tmp_path, monkeypatch, "raise SystemExit('ray is gone')")(ORDER, go_on)
    assert result == Failed("the training process ended with code 1: ray is gone")


def test_a_process_is_ended_when_asked_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = job(tmp_path, monkeypatch, "import time; time.sleep(600)")
    assert waits(ORDER, lambda: True) == Failed("stopped before it was done")


def test_without_an_address_nothing_is_started() -> None:
    assert RayProcess(lambda: None)(ORDER, go_on) == Failed("Ray is not there yet")


def test_models_are_announced_at_once_and_every_thirty_seconds(
    data_dir: Path, wanting: Any
) -> None:
    work = wanting.work(kind="retrain", arm="primary")
    result = task(data_dir)(work, wanting.plan(work), go_on)
    assert isinstance(result, Done)
    status = Status(work.id, "retrain", "done", "", result.version)
    rows = ModelRows(Registry(data_dir / "artifacts"))
    first = rows.due(wanting.plan(work), [status], NOW_S)
    assert sorted((row["arm"], row["status"]) for row in first) == [
        ("fallback", "serving"),
        ("primary", "candidate"),
        ("primary", "serving"),
    ]
    candidate = next(row for row in first if row["status"] == "candidate")
    assert candidate["work_id"] == work.id
    assert {bins["feature"] for bins in candidate["reference"]} >= {"recent_count"}
    assert rows.due(wanting.plan(work), [status], NOW_S + 29.0) == []
    assert len(rows.due(wanting.plan(work), [status], NOW_S + 30.0)) == 3
    assert work_row(status, "me", NOW_S)["version"] == result.version


def test_rows_fit_their_topics(data_dir: Path, wanting: Any) -> None:
    from controller.telemetry.batches import encode_arrow
    from controller.telemetry.schema import MODEL, WORK

    rows = ModelRows(Registry(data_dir / "artifacts")).due(wanting.plan(), [], NOW_S)
    assert encode_arrow(MODEL, rows)
    assert encode_arrow(WORK, [work_row(Status("w", "k", "done", ""), "me", NOW_S)])


@pytest.mark.live
@pytest.mark.ray
def test_a_candidate_is_trained_on_ray_and_refused_without_a_spare_cpu(
    data_dir: Path, wanting: Any
) -> None:
    work = wanting.work(kind="retrain", arm="primary")
    result = task(data_dir, RayProcess(lambda: "local"))(work, wanting.plan(work), go_on)
    assert isinstance(result, Done), result
    assert Registry(data_dir / "artifacts").by_work(work.id) == result.version
    other = wanting.work("w2", "retrain", arm="primary")
    greedy = RayProcess(lambda: "local", cpus=10_000.0)
    refusal = task(data_dir, greedy)(other, wanting.plan(other), go_on)
    assert isinstance(refusal, Refused)
    assert "no spare CPU" in refusal.detail


@pytest.mark.live
@pytest.mark.ray
def test_a_ray_that_is_not_there_is_a_failure_at_once(data_dir: Path, wanting: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    work = wanting.work(kind="retrain", arm="primary")
    there = RayProcess(lambda: f"127.0.0.1:{port}")
    result = task(data_dir, there)(work, wanting.plan(work), go_on)
    assert isinstance(result, Failed)
    assert result.again

"""Serving on real parts: Ray Serve, Redis and a broker, and what happens when one is killed.

One cluster serves the whole file; its tests follow each other.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from controller.adapters.kafka_bus import KafkaBusReader
from controller.core.plan import ArmPlan, Plan, plan_to_document
from controller.telemetry.batches import TelemetryBatch, decode
from controller.telemetry.schema import MODEL, OUTCOME, REPLICA, SERVED
from serving.plan_watch import baseline_plan
from serving.process_record import RECORD_FILE
from serving.replica_files import replica_pids
from tests.serving.live_service import ROOT, LiveService, eventually, live_service, start_host

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.ray]


@pytest.fixture(scope="module")
def service(trained_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    data_dir = tmp_path_factory.mktemp("live")
    shutil.copytree(trained_dir / "artifacts", data_dir / "artifacts")
    with live_service(data_dir) as running:
        yield running


def publish(service: LiveService, plan: Plan) -> None:
    client = redis.Redis.from_url(
        service.redis.url, password=service.environ["SELFRIGHT_REDIS_PASSWORD"]
    )
    key, text = f"selfright:{plan.service}:plan", json.dumps(plan_to_document(plan))
    client.set(key, text)
    client.publish(key, text)
    client.close()


def rows_of(service: LiveService, topic: str, wanted: int = 1) -> list[dict[str, Any]]:
    """Rows of a topic from its beginning, once there are as many as wanted."""
    reader = KafkaBusReader(service.broker.bootstrap, [(topic, 0)])
    rows: list[dict[str, Any]] = []

    def read() -> bool:
        for message in reader.poll(1.0, 500):
            batch = decode(message)
            assert isinstance(batch, TelemetryBatch), batch
            assert batch.service == "recommender"
            rows.extend(batch.batch.to_pylist())
        return len(rows) >= wanted

    try:
        eventually(read, f"{wanted} rows of {topic}")
    finally:
        reader.close()
    return rows


def served_row_of(service: LiveService, request_id: str) -> dict[str, Any]:
    def find() -> dict[str, Any] | None:
        rows = rows_of(service, SERVED)
        return next((row for row in rows if row["request_id"].hex() == request_id), None)

    row: dict[str, Any] = eventually(find, f"the row of {request_id} arrives")
    return row


def primary_serves(service: LiveService) -> bool:
    return service.recommend(1)[1].get("served_by") == "primary"


def test_requests_get_valid_slates_and_rows_reach_the_broker(service: LiveService) -> None:
    status, slate = service.ask(
        "POST", "/recommend", {"user_id": "7", "segments": {"platform": "ios"}}
    )
    assert status == 200
    assert len({item["item_id"] for item in slate["items"]}) == 10
    feedback = {"token": slate["token"], "clicked_positions": [2]}
    assert service.ask("POST", "/feedback", feedback)[0] == 202
    assert service.ask("POST", "/feedback", {"token": slate["token"][:-4] + "AAAA"})[0] == 401
    assert service.ask("GET", "/openapi.json")[1]["openapi"].startswith("3.1")

    row = served_row_of(service, slate["request_id"])
    assert row["arm"] == slate["arm"]
    assert row["segment.platform"] == "ios"
    assert sum(chance["chance"] for chance in row["propensities"]) == pytest.approx(1.0)
    outcomes = rows_of(service, OUTCOME)
    assert [o["clicked_positions"] for o in outcomes] == [[2]]
    kinds = {"router", "arm"}
    eventually(lambda: {r["kind"] for r in rows_of(service, REPLICA)} == kinds, "both kinds report")
    models = rows_of(service, MODEL)
    assert models[0]["status"] == "serving"
    assert models[0]["reference"]


def test_nothing_of_ours_listens_beyond_loopback(service: LiveService) -> None:
    mine = psutil.Process(service.host.pid).children(recursive=True)
    listening = [
        (process.name(), connection.laddr.ip)
        for process in mine
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {ip for name, ip in listening if name == "haproxy"} == {"127.0.0.1"}


def test_a_published_plan_is_obeyed_and_reported_without_a_restart(service: LiveService) -> None:
    pids = replica_pids(service.data_dir, "router", "all")
    baseline = baseline_plan(service.settings)
    arms = {"primary": ArmPlan("latest", 0.0), "fallback": ArmPlan("latest", 1.0)}
    drained = replace(
        baseline, epoch=1, revision=1, head="h1", arms=arms, probe_per_s={"primary": 20.0}
    )
    publish(service, drained)
    eventually(
        lambda: all(service.recommend(i)[1]["arm"] == "fallback" for i in range(20)), "drained"
    )
    publish(service, replace(baseline, epoch=0, revision=99))  # an old leader's
    with service.light_load() as load:
        eventually(lambda: len(load.answers) >= 60, "60 answers")
    assert set(load.served_by()) == {"fallback"}
    assert load.invalid() == []

    def reported() -> bool:
        held = {
            row["replica_id"]: row["plan_revision"]
            for row in rows_of(service, REPLICA)
            if row["kind"] == "router"
        }
        return len(held) == 2 and set(held.values()) == {1}

    eventually(reported, "both routers report revision 1")
    probes = eventually(
        lambda: [row for row in rows_of(service, SERVED) if row["role"] == "probe"], "probes"
    )
    assert {row["arm"] for row in probes} == {"primary"}
    publish(service, replace(baseline, epoch=1, revision=2, head="h2"))
    eventually(lambda: primary_serves(service), "traffic returned")
    assert replica_pids(service.data_dir, "router", "all") == pids


def test_the_plan_scales_an_arm_and_restarts_no_replica(service: LiveService) -> None:
    routers = replica_pids(service.data_dir, "router", "all")
    (first,) = replica_pids(service.data_dir, "arm", "primary")
    baseline = baseline_plan(service.settings)
    more = {**baseline.arms, "primary": replace(baseline.arms["primary"], replicas=2)}

    def primaries() -> tuple[int, ...]:
        return replica_pids(service.data_dir, "arm", "primary")

    with service.light_load() as load:
        publish(service, replace(baseline, epoch=1, revision=3, head="h3", arms=more))
        eventually(lambda: len(primaries()) == 2, "two replicas")
        assert first in primaries()
        unsaid = {**baseline.arms, "primary": replace(baseline.arms["primary"], replicas=None)}
        publish(service, replace(baseline, epoch=1, revision=4, head="h4", arms=unsaid))
        eventually(lambda: len(primaries()) == 1, "one replica, as the settings say")
    assert load.invalid() == []
    assert replica_pids(service.data_dir, "router", "all") == routers


def test_a_slow_primary_is_cut_at_its_deadline(service: LiveService) -> None:
    faults = service.data_dir / "faults.json"
    faults.write_text(json.dumps({"arms": {"primary": {"delay_ms": 400}}}))
    try:
        with service.light_load() as load:
            eventually(lambda: load.served_by()[-10:].count("fallback") == 10, "cut")
    finally:
        faults.unlink()
    assert load.invalid() == []
    with service.light_load() as load:
        eventually(lambda: load.served_by()[-10:].count("primary") >= 9, "probes bring it back")
    assert load.invalid() == []


def test_a_local_override_wins_without_redis_or_controller(service: LiveService) -> None:
    override = service.data_dir / "override.json"
    document = {
        "shares": {"fallback": 1.0},
        "who": "ann",
        "expires_at_s": time.time() + 600.0,
    }
    override.write_text(json.dumps(document))
    try:
        eventually(
            lambda: all(service.recommend(i)[1]["arm"] == "fallback" for i in range(20)), "override"
        )
    finally:
        override.unlink()
    eventually(lambda: primary_serves(service), "the override is gone")


@pytest.mark.kills
def test_killing_the_primary_replica_leaves_only_valid_slates(service: LiveService) -> None:
    (pid,) = replica_pids(service.data_dir, "arm", "primary")
    with service.light_load() as load:
        eventually(lambda: len(load.answers) >= 25, "some answers before")
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: "fallback" in load.served_by()[25:], "the last resort")
        eventually(lambda: load.served_by()[-10:].count("primary") >= 9, "a new replica answers")
    assert load.invalid() == []
    assert replica_pids(service.data_dir, "arm", "primary") != (pid,)


@pytest.mark.kills
def test_without_redis_slates_are_valid_and_the_plan_held_stays(service: LiveService) -> None:
    held = service.ask("GET", "/health")[1]
    service.redis.kill()
    try:
        with service.light_load() as load:
            eventually(lambda: len(load.answers) >= 75, "75 answers without Redis")
            # Its breaker may still be open: the primary's replica was killed a moment ago.
            eventually(lambda: "primary" in load.served_by(), "an answer of the primary")
        assert load.invalid() == []
        assert service.ask("GET", "/health")[1] == held
    finally:
        service.redis.start()
    newer = replace(baseline_plan(service.settings), epoch=2, revision=1, salt=9)
    publish(service, newer)
    eventually(lambda: service.ask("GET", "/health")[1].get("plan_epoch") == 2, "plans flow again")


@pytest.mark.kills
def test_without_a_broker_slates_are_valid_and_telemetry_comes_back(service: LiveService) -> None:
    service.broker.kill()
    try:
        with service.light_load() as load:
            eventually(lambda: len(load.answers) >= 75, "75 answers without a broker")
        assert load.invalid() == []
    finally:
        service.broker.start()
    asked: set[str] = set()

    def one_arrives() -> bool:
        """Rows written while the broker was gone may be too old by now; those are counted lost."""
        asked.add(service.recommend(len(asked))[1].get("request_id", ""))
        return any(row["request_id"].hex() in asked for row in rows_of(service, SERVED))

    eventually(one_arrives, "a row of a request asked after the broker came back")


def test_a_taken_port_is_one_clear_line(service: LiveService, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        endpoints = service.settings.endpoints.model_copy(update={"http_port": port})
        shutil.copytree(service.data_dir / "artifacts", tmp_path / "artifacts")
        other = service.settings.model_copy(update={"endpoints": endpoints, "data_dir": tmp_path})
        (tmp_path / "s.json").write_text(other.model_dump_json())
        ended = subprocess.run(
            [sys.executable, "-m", "serving", "host", "--settings", str(tmp_path / "s.json")],
            cwd=ROOT,
            env=service.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines()[-1] == (
        f"endpoints.http_port: 127.0.0.1:{port} is taken; free it or set another port"
    )


def recorded(service: LiveService) -> list[psutil.Process]:
    record = json.loads((service.data_dir / RECORD_FILE).read_text())
    return [psutil.Process(pid) for pid, _ in record["processes"] if psutil.pid_exists(pid)]


def test_sigterm_is_a_clean_end(service: LiveService) -> None:
    processes = recorded(service)
    service.host.terminate()
    assert service.host.wait(60.0) == 0
    assert psutil.wait_procs(processes, timeout=10)[1] == []
    assert not (service.data_dir / RECORD_FILE).exists()
    assert not (service.data_dir / "run" / "serving.ready").exists()
    service.host = start_host(service.data_dir, service.environ)
    service.wait_ready()
    assert service.recommend(1)[0] == 200


@pytest.mark.kills
def test_a_killed_host_takes_every_ray_process_with_it(service: LiveService) -> None:
    processes = recorded(service)
    assert {"raylet", "gcs_server", "haproxy"} <= {process.name() for process in processes}
    service.host.kill()
    service.host.wait()
    gone, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []
    assert len(gone) == len(processes)

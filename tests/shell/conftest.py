"""A small world: memory adapters, a virtual clock, scripted readings, one playbook."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.kafka_bus import KafkaBusWriter
from controller.adapters.local_copy import LocalCopy
from controller.adapters.memory_bus import MemoryBus
from controller.adapters.memory_clock import MemoryClock
from controller.adapters.memory_store import MemoryPlanStore
from controller.adapters.redis_store import RedisPlanStore
from controller.core.causes import Cause, Event, Verdict
from controller.core.playbook import (
    Comparison,
    Guards,
    Move,
    NoData,
    Playbook,
    Quantity,
    Route,
)
from controller.core.readings import (
    PLAN_ADOPTED_EPOCH,
    PLAN_ADOPTED_REVISION,
    Reading,
    ReadingState,
    SignalKey,
)
from controller.core.settings import ArmSettings, JudgeSettings
from controller.errors import Unavailable
from controller.ports import BusReader, BusWriter, PlanStore
from controller.settings import (
    OPERATOR_TOKEN_ENV,
    REDIS_PASSWORD_ENV,
    Endpoints,
    Settings,
)
from controller.shell.journal import FactLog, Journal, segment_paths
from controller.shell.log_sources import from_store
from controller.shell.loop import Ports, Shell
from controller.shell.metrics import NoMetrics
from controller.shell.readings_file import ReadingsFile
from controller.shell.replay import compare, replay
from controller.shell.segment import read_segment
from controller.shell.snapshots import Snapshots, resume
from controller.shell.verify import verify
from controller.telemetry.batches import TelemetryBatch, encode_arrow, headers_for
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import OPERATOR, REPLICA, SERVED, TOPICS
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.redis_server import EmbeddedRedis

ROOT = Path(__file__).parents[2]
CAP_S = 120.0
START_S = 1_764_000_000.0
PRIMARY = (("arm", "primary"),)
SLOW = SignalKey("arm_latency_ms.p95", PRIMARY, 5.0)
DEGRADED = SignalKey("degraded_share", (), 5.0)
JUDGE = JudgeSettings(
    service="shop",
    arms={"primary": ArmSettings("v1", 1.0), "fallback": ArmSettings("v0", 0.0, in_process=True)},
    default_windows_s={"arm_latency_ms.p95": 5.0, "degraded_share": 5.0},
)


def comparison(signal: str, labels: Any, op: Any, threshold: float, for_s: float) -> Comparison:
    text = f"{signal} {op} {threshold:g} for {for_s:g}s"
    return Comparison(Quantity(signal, labels), op, threshold, "ms", for_s, text)


REROUTE = Playbook(
    name="slow-primary",
    owner="recs",
    why="The primary is slow.",
    when=comparison("arm_latency_ms.p95", PRIMARY, ">", 200.0, 2.0),
    no_data=NoData.HOLD,
    rungs=(
        (
            Move(
                Route("primary", "fallback", 1.0, returns=(0.5, 1.0), every_s=2.0),
                comparison("degraded_share", (), "<", 0.01, 0.0),
                within_s=20.0,
                otherwise="keep",
            ),
        ),
    ),
    clear_when=comparison("arm_latency_ms.p95", PRIMARY, "<", 150.0, 2.0),
    guards=Guards(cooldown_s=1.0, budget_count=5),
    text="playbook: slow-primary",
    sha256="ab" * 32,
)


@dataclass
class ScriptedMonitors:
    """Readings as a function of time; what the routers hold is what the store publishes."""

    store: MemoryPlanStore
    latency_ms: Callable[[float], float]
    updated: int = 0
    wanted: frozenset[SignalKey] = frozenset()

    def update(self, batch: TelemetryBatch, now_s: float | None = None) -> int:
        self.updated += 1
        return 0

    def note_broken(self, topic: str) -> None:
        self.updated += 1

    def want(self, keys: Iterable[SignalKey]) -> None:
        self.wanted = frozenset(keys)

    def read(self, at_s: float, bus_is_up: bool) -> Mapping[SignalKey, Reading]:
        def reading(value: float) -> Reading:
            return Reading(value, ReadingState.OK, 100, at_s - 5.0, at_s)

        found = {SLOW: reading(self.latency_ms(at_s)), DEGRADED: reading(0.001)}
        stored = None if self.store.down else self.store.load()
        if stored is not None:
            found[PLAN_ADOPTED_EPOCH] = reading(stored.epoch)
            found[PLAN_ADOPTED_REVISION] = reading(stored.revision)
        return found

    def explain(
        self, keys: Sequence[SignalKey], at_s: float, events: Sequence[Event]
    ) -> tuple[Verdict, tuple[Cause, ...]]:
        """Names what it was asked about, and what happened last."""
        what = str(keys[0])
        cause = Cause("segment", what, 0.5, 100, f"{what} explains half")
        late = (Cause(e.kind, e.what, None, 0, e.what) for e in events[-1:])
        return "system", (cause, *late)

    def snapshot(self) -> bytes:
        return str(self.updated).encode()

    def restore(self, data: bytes) -> None:
        self.updated = int(data)


@dataclass
class FixedPlaybooks:
    """A playbook source without files; set ``fresh`` to load another set at the next tick."""

    playbooks: tuple[Playbook, ...] = (REROUTE,)
    fresh: tuple[Playbook, ...] | None = None
    trouble: str = ""

    def changed(self) -> tuple[Playbook, ...] | None:
        found, self.fresh = self.fresh, None
        if found is not None:
            self.playbooks = found
        return found


Wrap = Callable[[str, Any], Any]


@dataclass
class World:
    """What outlives a controller: disk, store, bus, time. ``slow_s`` is the fault's span."""

    folder: Path
    slow_s: tuple[float, float] = (5.0, 15.0)
    clock: MemoryClock = field(default_factory=lambda: MemoryClock(START_S))
    bus: MemoryBus = field(default_factory=MemoryBus)
    seq: int = 0

    def __post_init__(self) -> None:
        self.store = MemoryPlanStore(self.clock)
        self.writer = self.bus.writer()
        self.playbooks = FixedPlaybooks()

    def latency_ms(self, at_s: float) -> float:
        since_s = at_s - START_S
        return 400.0 if self.slow_s[0] <= since_s < self.slow_s[1] else 50.0

    def controller(
        self,
        holder: str = "one",
        name: str = "a",
        wrap: Wrap = lambda _, port: port,
        settings: JudgeSettings = JUDGE,
    ) -> Shell:
        """A controller process with a data folder ``name`` of its own."""
        folder = self.folder / name
        monitors, ledger = ScriptedMonitors(self.store, self.latency_ms), Ledger()
        snapshots = Snapshots(folder / "snapshots")
        positions = resume(snapshots.load(), monitors, ledger)
        reader: BusReader = self.bus.reader([(topic, 0) for topic in TOPICS], positions)
        writer: BusWriter = self.bus.writer()
        store: PlanStore = self.store
        journal: FactLog = Journal(folder / "journal", 1e12, 1e12)
        ports = Ports(
            reader=wrap("reader", reader),
            dead_letters=wrap("dead_letters", writer),
            store=wrap("store", store),
            copy=wrap("copy", LocalCopy(folder / "decisions")),
            clock=self.clock,
            journal=wrap("journal", journal),
            monitors=monitors,
            ledger=ledger,
            snapshots=wrap("snapshots", snapshots),
            readings_file=ReadingsFile(folder),
            playbooks=self.playbooks,
            metrics=NoMetrics(),
        )
        return Shell(settings, holder, "test", ports)

    def run(self, *shells: Shell, until_s: float) -> None:
        """Tick the controllers in turn until so many seconds after the start."""
        while self.clock.now_s() < START_S + until_s:
            for shell in shells:
                shell.run_tick()

    def publish(self, topic: str, rows: list[dict[str, Any]], producer: str = "test") -> None:
        headers = headers_for(producer_id=producer, producer_seq=self.seq, service="shop")
        self.seq += 1
        assert self.writer.send(topic, encode_arrow(topic, rows), headers=headers, partition=0)

    def command(self, command_id: str, verb: str, target: str) -> None:
        row = {
            "at_s": self.clock.now_s(),
            "command_id": command_id,
            "who": "ann",
            "verb": verb,
            "target": target,
            "expires_at_s": self.clock.now_s() + 30.0,
        }
        self.publish(OPERATOR, [row])

    def router_reports(self, epoch: int, revision: int, head: str) -> None:
        row = {
            "at_s": self.clock.now_s(),
            "replica_id": "router-1",
            "kind": "router",
            "plan_epoch": epoch,
            "plan_revision": revision,
            "plan_head": head,
        }
        self.publish(REPLICA, [row], producer="router-1")

    def log(self) -> list[bytes]:
        return [line for _, line in self.store.records("-", 100_000)]

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log()]

    def phases(self) -> list[str]:
        return [record["phase"] for record in self.records()]

    def plan(self) -> dict[str, Any]:
        stored = self.store.load()
        assert stored is not None
        assert stored.plan is not None
        found: dict[str, Any] = json.loads(stored.plan)
        return found

    def share(self, arm: str = "primary") -> float:
        return float(self.plan()["arms"][arm]["share"])


SLOW_PLAYBOOK = """\
version: 1
playbook: slow-primary
owner: recs-oncall
why: The primary is slow; answer from memory until it is well again.
when: arm_latency_ms.p95{arm=primary}[5s] > 80ms for 3s
no_data: hold
do:
  - route: {from: primary, to: fallback, share: 100%, return: {stages: [50%, 100%], every: 5s}}
    expect: degraded_share[5s] < 1% within 30s
    else: keep
clear_when: arm_latency_ms.p95{arm=primary}[5s] < 50ms for 5s
guards: {autonomy: auto, cooldown: 1m, budget: 3 per 1h, excludes: [routing], priority: 50}
"""


class Service:
    """Obeys the published plan; its primary is slow from ``slow_s[0]`` to ``slow_s[1]``.

    One router: when the store cannot be read it goes on with the plan it holds.
    """

    def __init__(self, writer: BusWriter, store: PlanStore, slow_s: tuple[float, float]) -> None:
        self.writer = writer
        self.store = store
        self.plan: dict[str, Any] | None = None
        self.slow_s = slow_s
        self.seq = 0
        self.random = random.Random(7)

    def step(self, at_s: float) -> None:
        plan = self._read_plan()
        share = plan["arms"]["primary"]["share"] if plan else 1.0
        rows = [self._request(at_s, share) for _ in range(25)]
        probes = plan["probe_per_s"].get("primary", 0.0) * 0.25 if plan else 0.0
        rows += [self._attempt(at_s, "primary", "probe") for _ in range(round(probes))]
        self._send(SERVED, rows)
        self._send(REPLICA, [self._router(at_s, plan)])

    def _read_plan(self) -> dict[str, Any] | None:
        try:
            stored = self.store.load()
        except Unavailable:
            return self.plan
        if stored is not None and stored.plan:
            self.plan = json.loads(stored.plan)
        return self.plan

    def _request(self, at_s: float, share: float) -> dict[str, Any]:
        arm = "primary" if self.random.random() < share else "fallback"
        return self._attempt(at_s, arm, "user")

    def _attempt(self, at_s: float, arm: str, role: str) -> dict[str, Any]:
        is_slow = arm == "primary" and self.slow_s[0] <= at_s < self.slow_s[1]
        elapsed_ms = (90.0 if is_slow else 15.0) * self.random.uniform(0.9, 1.1)
        attempt = {
            "arm": arm,
            "model_version": "v1",
            "elapsed_ms": elapsed_ms,
            "result": "ok",
            "reason": "",
        }
        return {
            "request_id": struct.pack(">HQ", 0, self.random.getrandbits(63)) + bytes(6),
            "at_s": at_s - elapsed_ms / 1e3,
            "done_at_s": at_s,
            "role": role,
            "arm": arm,
            "attempts": [attempt],
            "served_by": arm,
            "outcome": "ok",
            "latency_ms": elapsed_ms,
            "cache": "miss",
        }

    def _router(self, at_s: float, plan: dict[str, Any] | None) -> dict[str, Any]:
        held = (
            {
                "plan_epoch": plan["epoch"],
                "plan_revision": plan["revision"],
                "plan_head": plan["head"],
            }
            if plan
            else {}
        )
        return {"at_s": at_s, "replica_id": "router-1", "kind": "router", **held}

    def _send(self, topic: str, rows: list[dict[str, Any]]) -> None:
        headers = headers_for(producer_id="service", producer_seq=self.seq, service="recommender")
        self.seq += 1
        self.writer.send(topic, encode_arrow(topic, rows), headers=headers, partition=0)


@pytest.fixture
def make_service() -> type[Service]:
    """Call it with a writer, the store, and the span (seconds since 1970) of a slow primary."""
    return Service


@pytest.fixture
def slow_playbook(tmp_path: Path) -> Path:
    """A folder holding the one playbook of the slow primary."""
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "slow.yaml").write_text(SLOW_PLAYBOOK)
    return folder


class Stack:
    """A broker, a Redis, a service that obeys the plan, and controllers that come and go."""

    def __init__(self, folder: Path, playbooks: Path, make_service: Callable[..., Any]) -> None:
        self.folder = folder
        self.broker = EmbeddedBroker(folder)
        self.redis = EmbeddedRedis(folder, password="secret")
        self._playbooks = playbooks
        self._make_service = make_service
        self._stopping = threading.Event()
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.broker.start()
        self.redis.start()
        settings = Settings(
            playbooks=self._playbooks,
            data_dir=self.folder,
            endpoints=Endpoints(kafka=self.broker.bootstrap, redis=self.redis.url, metrics_port=0),
        )
        self.settings_file = self.folder / "settings.json"
        self.settings_file.write_text(settings.model_dump_json())
        other = settings.model_copy(update={"data_dir": self.folder / "other"})
        self.other_settings_file = self.folder / "other.json"
        self.other_settings_file.write_text(other.model_dump_json())
        self.store = RedisPlanStore(self.redis.url, "secret", settings.service)
        self.writer = KafkaBusWriter(self.broker.bootstrap)
        far = time.time() + 1e9
        self.service = self._make_service(self.writer, self.store, (far, far))
        self._thread = threading.Thread(target=self._serve, name="service", daemon=True)
        self._thread.start()

    def controller(self, settings_file: Path | None = None) -> subprocess.Popen[bytes]:
        settings_file = settings_file or self.settings_file
        with (self.folder / "controller.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "controller", "--settings", str(settings_file)],
                cwd=ROOT,
                env={
                    "PATH": "/usr/bin:/bin",
                    REDIS_PASSWORD_ENV: "secret",
                    OPERATOR_TOKEN_ENV: "a-token-for-people",
                },
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """A controller that is ready."""
        ready = self.folder / "run" / "controller.ready"
        ready.unlink(missing_ok=True)
        process = self.controller()
        self.await_that("ready", lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, (self.folder / "controller.log").read_text()[-2_000:]
        yield process

    def log(self) -> list[bytes]:
        return list(from_store(self.store).lines)

    def phases(self) -> Counter[str]:
        return Counter(json.loads(line)["phase"] for line in self.log())

    def await_that(self, what: str, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + CAP_S
        while not is_so():
            if time.monotonic() > deadline_s:
                tail = (self.folder / "controller.log").read_text()[-3_000:]
                raise AssertionError(f"not within {CAP_S:g} s: {what}\n{tail}")
            time.sleep(0.02)

    def check_log(self, *names: str) -> None:
        """Whole, and the same as the journals of the data folder (and ``names`` beside it) give."""
        found = from_store(self.store)
        assert verify(found.lines, found.head).is_whole
        folders = [self.folder / "journal", *(self.folder / name / "journal" for name in names)]
        segments = [read_segment(path) for path in segment_paths(folders)]
        comparison = compare(replay(segments), found.lines)
        assert comparison.differences == ()
        assert comparison.missing_epochs == ()
        assert comparison.equal == len(found.lines)
        copied = (self.folder / "decisions" / "records.jsonl").read_bytes().splitlines()
        assert copied == list(found.lines)

    def stop(self) -> None:
        self._stopping.set()
        for process in self._processes:
            process.kill()
            process.wait()
        if hasattr(self, "_thread"):
            self._thread.join()
            self.writer.close()
            self.store.close()
        self.redis.stop()
        self.broker.stop()

    def _serve(self) -> None:
        while not self._stopping.wait(0.25):
            self.service.step(time.time())


@pytest.fixture
def stack(tmp_path: Path, slow_playbook: Path, make_service: Callable[..., Any]) -> Iterator[Stack]:
    found = Stack(tmp_path, slow_playbook, make_service)
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def new_world(tmp_path: Path) -> Callable[..., World]:
    """Makes worlds, each in a folder of its own."""
    count = 0

    def make(**changes: Any) -> World:
        nonlocal count
        count += 1
        return World(tmp_path / f"world-{count}", **changes)

    return make

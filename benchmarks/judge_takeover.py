"""How long nobody leads when the leader is killed, or paused: two real controllers on one Redis.

Each has a disk of its own. The floor is the lease: before it has run out nobody may take over.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figure import Figure
from controller.adapters.redis_store import RedisPlanStore
from controller.settings import REDIS_PASSWORD_ENV, Endpoints, Settings
from controller.shell.election import LEASE_S
from controller.shell.log_sources import from_store
from controller.shell.readings_file import FILE
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.redis_server import EmbeddedRedis

GOAL_S = 10.0
CAP_S = 60.0
PASSWORD = "benchmark"


def figures(quick: bool) -> Iterator[Figure]:
    """The longest of some takeovers, from the signal to the next `elected` record in the log."""
    times = 1 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        pair = _Pair(Path(folder))
        try:
            pair.start()
            for name, number in (("killed", signal.SIGKILL), ("paused", signal.SIGSTOP)):
                took_s = max(pair.takeover_s(number) for _ in range(times))
                yield Figure(
                    f"takeover after the leader was {name}, longest of {times}",
                    took_s,
                    "s",
                    LEASE_S,
                    took_s / LEASE_S,
                    f"<= {GOAL_S:g} s",
                    took_s <= GOAL_S,
                )
        finally:
            pair.stop()


class _Pair:
    """A broker, a Redis, and a controller on each of two disks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._broker = EmbeddedBroker(folder)
        self._redis = EmbeddedRedis(folder, password=PASSWORD)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self._broker.start()
        self._redis.start()
        self._store = RedisPlanStore(self._redis.url, PASSWORD, Settings().service)
        for name in ("one", "two"):
            self._start(name)

    def takeover_s(self, number: signal.Signals) -> float:
        """Signal the leader; seconds until another leads. Then the leader is a new standby."""
        leader = self._leader()
        process = self._running[leader]
        count = self._elections()
        start_s = time.monotonic()
        process.send_signal(number)
        self._await(lambda: self._elections() > count)
        took_s = time.monotonic() - start_s
        if number is signal.SIGSTOP:
            process.send_signal(signal.SIGCONT)
            self._await(lambda: self._role(leader) == "standby")
        else:
            process.wait(CAP_S)
            self._start(leader)
        return took_s

    def stop(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()
        if hasattr(self, "_store"):
            self._store.close()
        self._redis.stop()
        self._broker.stop()

    def _start(self, name: str) -> None:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        settings = Settings(
            playbooks=Path("playbooks").resolve(),
            data_dir=folder,
            endpoints=Endpoints(
                kafka=self._broker.bootstrap, redis=self._redis.url, metrics_port=0
            ),
        )
        file = folder / "settings.json"
        file.write_text(settings.model_dump_json())
        ready = folder / "run" / "controller.ready"
        for left_by_the_last_one in (ready, folder / FILE):
            left_by_the_last_one.unlink(missing_ok=True)
        with (folder / "controller.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "controller", "--settings", str(file)],
                env={"PATH": os.environ["PATH"], REDIS_PASSWORD_ENV: PASSWORD},
                stdout=log,
                stderr=log,
            )
        self._await(ready.exists)
        self._await(lambda: self._role(name) in ("leader", "standby"))

    def _leader(self) -> str:
        self._await(lambda: any(self._role(name) == "leader" for name in self._running))
        return next(name for name in self._running if self._role(name) == "leader")

    def _role(self, name: str) -> str:
        file = self._folder / name / FILE
        return str(json.loads(file.read_bytes())["role"]) if file.exists() else ""

    def _elections(self) -> int:
        lines = from_store(self._store).lines
        return sum(json.loads(line)["phase"] == "elected" for line in lines)

    def _await(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + CAP_S
        while not is_so():
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"not within {CAP_S:g} s; see {self._folder}")
            time.sleep(0.02)

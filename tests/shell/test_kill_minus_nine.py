"""The controller as a real process, killed with SIGKILL at stepped moments, on real servers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.kafka_bus import KafkaBusWriter
from controller.adapters.redis_store import RedisPlanStore
from controller.settings import REDIS_PASSWORD_ENV, Endpoints, Settings
from controller.shell.journal import segment_paths
from controller.shell.log_sources import from_store
from controller.shell.replay import compare, replay
from controller.shell.segment import read_segment
from controller.shell.verify import verify
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.redis_server import EmbeddedRedis

pytestmark = [pytest.mark.live, pytest.mark.kills, pytest.mark.timeout(420)]

ROOT = Path(__file__).parents[2]
CAP_S = 120.0
KILLS_AFTER_S = (0.4, 1.7, 3.9, 0.0, 0.2, 1.1)
"""From the process being ready, or from the next commit (``AFTER_COMMIT``), to its death."""
AFTER_COMMIT = (False, False, False, True, True, True)


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
        self.store = RedisPlanStore(self.redis.url, "secret", settings.service)
        self.writer = KafkaBusWriter(self.broker.bootstrap)
        far = time.time() + 1e9
        self.service = self._make_service(self.writer, self.store, (far, far))
        self._thread = threading.Thread(target=self._serve, name="service", daemon=True)
        self._thread.start()

    def controller(self, *more: str) -> subprocess.Popen[bytes]:
        with (self.folder / "controller.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "controller", "--settings", str(self.settings_file), *more],
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", REDIS_PASSWORD_ENV: "secret"},
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

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


@contextmanager
def running(stack: Stack) -> Iterator[subprocess.Popen[bytes]]:
    (stack.folder / "run" / "controller.ready").unlink(missing_ok=True)
    process = stack.controller()
    stack.await_that(
        "the controller is ready",
        lambda: (stack.folder / "run" / "controller.ready").exists() or process.poll() is not None,
    )
    assert process.poll() is None, (stack.folder / "controller.log").read_text()[-2_000:]
    yield process


def end(process: subprocess.Popen[bytes], number: int) -> int:
    process.send_signal(number)
    return process.wait(30.0)


def check_log(stack: Stack) -> None:
    found = from_store(stack.store)
    assert verify(found.lines, found.head).is_whole
    segments = [read_segment(path) for path in segment_paths([stack.folder / "journal"])]
    comparison = compare(replay(segments), found.lines)
    assert comparison.differences == ()
    assert comparison.missing_epochs == ()
    assert comparison.equal == len(found.lines)
    copied = (stack.folder / "decisions" / "records.jsonl").read_bytes().splitlines()
    assert copied == list(found.lines)


def test_sigkill_at_any_moment_repeats_no_action_and_loses_no_record(stack: Stack) -> None:
    taken: list[bytes] = []
    for after_s, after_commit in zip(KILLS_AFTER_S, AFTER_COMMIT, strict=True):
        if after_commit and stack.service.slow_s[0] > time.time():
            stack.service.slow_s = (time.time(), time.time() + 1e9)
        with running(stack) as process:
            count = len(stack.log())
            if after_commit:
                stack.await_that("a commit", lambda count=count: len(stack.log()) > count)
            time.sleep(after_s)
            assert end(process, signal.SIGKILL) == -signal.SIGKILL
        now = stack.log()
        assert now[: len(taken)] == taken, "a record was lost"
        taken = now
    with running(stack) as process:
        stack.await_that("the plan is drained", lambda: stack.phases()["acting"] > 0)
        stack.service.slow_s = (0.0, time.time() + 2.0)
        stack.await_that("recovery", lambda: stack.phases()["recovered"] > 0)
        assert stack.log()[: len(taken)] == taken
        count = stack.phases()
        assert (count["opened"], count["acting"], count["recovered"]) == (1, 1, 1)
        assert end(process, signal.SIGTERM) == 0
    assert not (stack.folder / "run" / "controller.ready").exists()
    check_log(stack)


def test_a_second_controller_on_one_data_folder_gets_one_line(stack: Stack) -> None:
    with running(stack) as process:
        second = stack.controller()
        assert second.wait(60.0) == 2
        last = (stack.folder / "controller.log").read_text().splitlines()[-1]
        assert "another controller uses this data folder" in last
        assert end(process, signal.SIGTERM) == 0


def test_bad_playbooks_are_refused_while_running_and_good_ones_loaded(stack: Stack) -> None:
    path = next(iter((stack.folder / "playbooks").glob("*.yaml")))
    good = path.read_text()
    log = stack.folder / "controller.log"
    with running(stack) as process:
        stack.await_that("a leader", lambda: stack.phases()["elected"] > 0)
        path.write_text(good.replace("80ms", "80 bananas"))
        process.send_signal(signal.SIGHUP)
        stack.await_that("the refusal", lambda: "playbooks refused" in log.read_text())
        assert process.poll() is None
        path.write_text(good.replace("slow-primary", "renamed"))
        stack.service.slow_s = (time.time(), time.time() + 1e9)
        stack.await_that("the new one acts", lambda: stack.phases()["acting"] > 0)
        opened = [r for r in map(json.loads, stack.log()) if r["phase"] == "opened"]
        assert [record["playbook"] for record in opened] == ["renamed"]
        assert end(process, signal.SIGTERM) == 0

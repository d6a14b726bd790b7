"""What a host started is ended by whoever comes after it, and nothing else is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from serving.haproxy_loopback import on_loopback
from serving.process_record import RECORD_FILE, ProcessRecord

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleepers() -> object:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> psutil.Process:
        started.append(subprocess.Popen(SLEEPER))
        return psutil.Process(started[-1].pid)

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_the_next_host_ends_what_the_last_one_left(tmp_path: Path, sleepers: object) -> None:
    mine, other = sleepers(), sleepers()  # type: ignore[operator]
    folder = tmp_path / "left"
    folder.mkdir()
    last = ProcessRecord(tmp_path)
    last.folders.append(str(folder))
    last.note([mine])
    ProcessRecord(tmp_path).end_all()
    assert not mine.is_running() or mine.status() == psutil.STATUS_ZOMBIE
    assert other.is_running()
    assert not folder.exists()
    assert not (tmp_path / RECORD_FILE).exists()


def test_a_number_that_was_given_to_another_process_is_left_alone(
    tmp_path: Path, sleepers: object
) -> None:
    other = sleepers()  # type: ignore[operator]
    record = ProcessRecord(tmp_path)
    record.note([other])
    path = tmp_path / RECORD_FILE
    path.write_text(path.read_text().replace(str(other.create_time()), "1.0"))
    ProcessRecord(tmp_path).end_all()
    assert other.is_running()


def test_a_guard_leaves_the_processes_of_a_newer_host(tmp_path: Path, sleepers: object) -> None:
    newer = sleepers()  # type: ignore[operator]
    ProcessRecord(tmp_path).note([newer])
    ProcessRecord(tmp_path).end_all(host_pid=1)
    assert newer.is_running()
    assert (tmp_path / RECORD_FILE).exists()


def test_haproxys_side_doors_are_moved_to_loopback() -> None:
    written = "frontend a\n    bind :9101\nlisten stats\n  bind *:8404\n    bind 127.0.0.1:8000\n"
    assert on_loopback(written) == (
        "frontend a\n    bind 127.0.0.1:9101\nlisten stats\n  bind 127.0.0.1:8404\n"
        "    bind 127.0.0.1:8000\n"
    )

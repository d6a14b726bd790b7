"""A child is ended whole, says what it said, and does not outlive its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from selfright.stack.child_process import ChildProcess, free_port, is_port_free
from tests.adapters.polling import wait_until

FOREVER = "import time; time.sleep(3600)"


@pytest.fixture
def child_of(tmp_path):
    made: list[ChildProcess] = []

    def make(code: str, **options) -> ChildProcess:
        child = ChildProcess(
            "child", [sys.executable, "-c", code], tmp_path / "logs" / "child.log", **options
        )
        made.append(child)
        return child

    yield make
    for child in made:
        child.kill()


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_child_that_obeys_ends_by_the_signal(child_of):
    child = child_of(FOREVER)
    child.start()
    assert child.is_running()
    assert child.memory_mb() > 0.0
    assert child.stop() == -signal.SIGTERM
    assert (child.is_running(), child.pid, child.memory_mb()) == (False, None, 0.0)


def test_a_child_that_ignores_the_signal_is_killed_with_all_it_started(child_of):
    child = child_of(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])\n"
        "print(grandchild.pid, flush=True)\n"
        "time.sleep(3600)"
    )
    child.start()
    wait_until(lambda: child.log_tail().isdigit(), "the grandchild")
    grandchild = int(child.log_tail())
    assert child.stop(cap_s=0.2) == -signal.SIGKILL
    wait_until(lambda: _is_gone(grandchild), "the grandchild's end")


def test_what_it_printed_is_in_its_log(child_of):
    child = child_of("import sys; print('out'); print('err', file=sys.stderr)")
    child.start()
    assert child.wait(30.0)
    assert child.exit_code == 0
    assert sorted(child.log_tail().splitlines()) == ["err", "out"]
    child.start()
    assert child.wait(30.0)
    assert len(child.log_file.read_text().splitlines()) == 4


def test_stdin_reaches_it_and_its_command_line_does_not_show_it(child_of):
    child = child_of(
        "import sys, time; print(sys.stdin.read(), flush=True); time.sleep(3600)", stdin=b"secret"
    )
    child.start()
    wait_until(lambda: child.log_tail() == "secret", "the echo")
    assert "secret" not in " ".join(psutil.Process(child.pid).cmdline())


def test_a_child_that_never_reads_its_stdin_is_no_error(child_of):
    child = child_of("raise SystemExit(3)", stdin=b"x" * 10_000_000)
    child.start()
    assert child.wait(30.0)
    assert child.exit_code == 3


def test_it_has_a_session_of_its_own_so_that_ctrl_c_is_ours_alone(child_of):
    child = child_of(FOREVER)
    child.start()
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_a_program_that_is_not_there_starts_nothing(tmp_path):
    child = ChildProcess("child", ["/nowhere/at-all"], tmp_path / "child.log")
    with pytest.raises(FileNotFoundError):
        child.start()
    assert not child.is_running()
    assert child.stop() is None


def test_one_child_is_not_started_twice(child_of):
    child = child_of(FOREVER)
    child.start()
    with pytest.raises(RuntimeError, match="runs already"):
        child.start()


@pytest.mark.kills
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_an_orphan_dies_with_its_parent(tmp_path):
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import pathlib, sys, time\n"
            "from selfright.stack.child_process import ChildProcess\n"
            f"child = ChildProcess('c', ['sleep', '3600'], pathlib.Path({str(tmp_path)!r}) / 'l')\n"
            "child.start()\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(3600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        assert not _is_gone(orphan)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    wait_until(lambda: _is_gone(orphan), "the orphan's end")


def test_a_free_port_is_free_and_not_one_that_outgoing_connections_get():
    ports = [free_port() for _ in range(20)]
    assert all(is_port_free(port) for port in ports)
    assert max(ports) < 32_768


def test_a_port_that_is_listened_on_is_not_free():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert not is_port_free(server.getsockname()[1])

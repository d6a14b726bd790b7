"""One child process: its own session, its output in a file, and no life after its parent's.

Knows nothing of what it runs.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from controller.errors import Unavailable

STOP_CAP_S = 10.0
"""How long a child may take to end after SIGTERM before it is killed."""
FIRST_PORT = 10_240
PORTS = 20_000
PORT_TRIES = 200
_PR_SET_PDEATHSIG = 1
# Loaded now: between fork and exec nothing may be imported or looked up.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ChildProcess:
    """A child that is spawned, watched and ended. Not for use by several threads at once.

    On Linux the child dies with the *thread* that started it: start it from one that lives as long
    as the program does.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_file: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        stdin: bytes | None = None,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._command = list(command)
        self._environment = environment
        self._folder = folder
        self._stdin = stdin
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs, else None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or was never started; negative: the signal that ended it."""
        return self._process.poll() if self._process else None

    def is_running(self) -> bool:
        return self.pid is not None

    def start(self) -> None:
        """Spawn it. Raise OSError when the program cannot be run."""
        if self.is_running():
            raise RuntimeError(f"{self.name} runs already")
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL if self._stdin is None else subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self._environment is None else dict(self._environment),
                cwd=self._folder,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        if self._stdin is not None:
            self._feed(self._stdin)

    def _feed(self, stdin: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(stdin)
            self._process.stdin.close()
        except BrokenPipeError:
            # It ended before it read: its exit code and its log say why.
            self._process.stdin = None

    def wait(self, timeout_s: float) -> bool:
        """True when it has ended within the time."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, cap_s: float = STOP_CAP_S) -> int | None:
        """SIGTERM, then SIGKILL to all of its session after ``cap_s``; give its exit code."""
        if self.is_running():
            self._signal(signal.SIGTERM, to_group=False)
            if not self.wait(cap_s):
                self.kill()
        self._end_group()
        return self.exit_code

    def kill(self) -> None:
        """SIGKILL to it and to all it started, as a crash would."""
        self._end_group()
        self.wait(STOP_CAP_S)

    def memory_mb(self) -> float:
        """Resident memory in MB (10^6 bytes); 0 when it does not run."""
        pid = self.pid
        if pid is None:
            return 0.0
        try:
            return float(psutil.Process(pid).memory_info().rss) / 1e6
        except psutil.NoSuchProcess:
            return 0.0

    def log_tail(self, lines: int = 5) -> str:
        """The last lines of its output, for a message."""
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_text("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, number: int, *, to_group: bool) -> None:
        assert self._process is not None
        send: Callable[[int, int], None] = os.killpg if to_group else os.kill
        try:
            send(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            # Gone already. macOS says EPERM for a group of zombies.
            return

    def _end_group(self) -> None:
        if self._process is None:
            return
        if self.exit_code is not None and psutil.pid_exists(self._process.pid):
            # It ended and its number is another's by now: none of its group is left.
            return
        self._signal(signal.SIGKILL, to_group=True)


def _die_with(parent_pid: int) -> Callable[[], None] | None:
    """What the child does before exec so that it ends when its parent does (Linux only)."""
    if _LIBC is None:
        return None
    libc = _LIBC

    def ask_for_death_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:
            os._exit(1)

    return ask_for_death_signal


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on now; another may take it before you do.

    It lies below those that outgoing connections get: a client that keeps trying a dead server
    there would in the end connect to itself, and hold the port against the server's return.
    """
    for _ in range(PORT_TRIES):
        port = FIRST_PORT + secrets.randbelow(PORTS)
        if is_port_free(port, host):
            return port
    raise Unavailable(f"no free port between {FIRST_PORT} and {FIRST_PORT + PORTS} on {host}")


def is_port_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        # As servers do: a port of a closed connection's last minute counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True

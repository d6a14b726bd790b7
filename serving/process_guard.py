"""Outlives a serving host that was killed, by as long as it takes to end what it started.

Ray's daemons die with their host, some of their children do not. The host runs
``python -m serving.process_guard DATA_DIR HOST_PID`` with a pipe as standard input: it closes when
the host is gone, however it went. In a session of its own: no signal to the host's group hits it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from serving.process_record import ProcessRecord

PATIENCE_S = 2.0


def start_guard(data_dir: Path) -> subprocess.Popen[bytes]:
    """Keep what is returned: its pipe is what is watched. `dismiss` it after a clean end."""
    return subprocess.Popen(
        [sys.executable, "-m", "serving.process_guard", str(data_dir), str(os.getpid())],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd=Path(__file__).resolve().parent.parent,
    )


def dismiss(guard: subprocess.Popen[bytes]) -> None:
    """End a guard whose host has cleaned up itself."""
    guard.terminate()
    guard.wait()
    if guard.stdin is not None:
        guard.stdin.close()


def main(data_dir: Path, host_pid: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    ProcessRecord(data_dir).end_all(PATIENCE_S, host_pid)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""One of our own programs as a supervised child, ready when it has written its ready file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from selfright.stack.child_process import ChildProcess

STOP_CAP_S = 20.0


class PythonChild:
    """``python -m MODULE …``; ready once ``DATA_DIR/run/NAME.ready`` is there."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        data_dir: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.name = name
        self._ready_file = data_dir / "run" / f"{name}.ready"
        self._process = ChildProcess(
            name,
            # -P: a folder of the user's that is named like one of ours must not come first.
            [sys.executable, "-P", "-m", *arguments],
            data_dir / "logs" / f"{name}.log",
            environment=environment,
        )

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.exit_code

    def start(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        self._process.start()

    def is_ready(self) -> bool:
        return self._process.is_running() and self._ready_file.exists()

    def stop(self) -> None:
        self._process.stop(cap_s=STOP_CAP_S)
        self._ready_file.unlink(missing_ok=True)

    def log_tail(self, lines: int = 5) -> str:
        return self._process.log_tail(lines)

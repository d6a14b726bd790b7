"""What runs in one process of an attached service: telemetry, the plan's follower, probes.

Threads of its own do the waiting: a request only takes from memory and puts into it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from weakref import WeakSet

from controller.settings import Settings
from controller.telemetry.schema import REPLICA, SERVED
from serving.beside.drawn_request import DrawnRequest
from serving.beside.probing import ProbeWith, Probing
from serving.feedback import Feedback
from serving.plan_watch import REREAD_S, PlanWatch
from serving.replica_report import ReplicaReport
from serving.routing import identity
from serving.served_row import Served
from serving.telemetry_buffer import TelemetryBuffer, own_partition


class Living:
    """Made by any thread, started once."""

    def __init__(
        self,
        settings: Settings,
        key: bytes,
        watch: PlanWatch,
        open_telemetry: Callable[[Settings, str], TelemetryBuffer],
        *,
        probe_with: ProbeWith | None,
        processes: int,
    ) -> None:
        replica_id = f"beside-{socket.gethostname()}-{os.getpid()}"
        self._watch = watch
        self._partition = own_partition(settings, replica_id)
        self.telemetry = open_telemetry(settings, replica_id)
        self.feedback = Feedback(self.telemetry, key)
        self.in_flight: WeakSet[DrawnRequest] = WeakSet()
        """Drawn, not yet ended. One that its service forgot is none."""
        self._probing = (
            Probing(probe_with, self._write_row, self.new_request_id, processes)
            if probe_with is not None
            else None
        )
        self._report = ReplicaReport(replica_id, "router", None)
        self._is_started = False
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("selfright-plan", self._follow), ("selfright-report", self._tell))
        ]

    def start(self) -> None:
        if self._is_started:
            return
        with self._starting:
            if not self._is_started:
                self.telemetry.start()
                for thread in self._threads:
                    thread.start()
                self._is_started = True

    def new_request_id(self) -> bytes:
        return identity.request_id(self._partition, os.urandom(identity.RANDOM_BYTES))

    def write(self, request: DrawnRequest, served: Served) -> None:
        """A user's request ended; copies of it go where the plan wants probes."""
        self._write_row(request, served)
        if self._probing is not None:
            self._probing.start_due(request)

    def close(self) -> None:
        self._stop.set()
        self.telemetry.close()

    def _write_row(self, request: DrawnRequest, served: Served) -> None:
        self.telemetry.put(SERVED, (request.asked, served, request.plan))

    def _follow(self) -> None:
        while not self._stop.wait(REREAD_S):
            self._watch.load()

    def _tell(self) -> None:
        while not self._stop.is_set():
            waiting = len(self.in_flight)
            row = self._report.row(
                in_flight=waiting,
                queue_depth=waiting,
                dropped_rows=self.telemetry.dropped_rows(),
                version="",
                plan=self._watch.table.held,
            )
            self.telemetry.put(REPLICA, row)
            self._stop.wait(1.0)

"""Probes of an attached service: copies of live requests that no user waits for.

Each runs in a thread of its own and counts as late at the arm's deadline; one that hangs on holds
its place, so that an arm that hangs costs a few threads and no more.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from serving.beside.drawn_request import DrawnRequest
from serving.routing.identity import request_unit
from serving.routing.probes import ProbeSchedule
from serving.served_row import Served

MOST_PER_ARM = 4
ProbeWith = Callable[[DrawnRequest], object]


class Probing:
    """``write`` takes the row of each. ``processes`` share the plan's rates."""

    def __init__(
        self,
        probe_with: ProbeWith,
        write: Callable[[DrawnRequest, Served], None],
        new_request_id: Callable[[], bytes],
        processes: int,
    ) -> None:
        self._probe_with = probe_with
        self._write = write
        self._new_request_id = new_request_id
        self._processes = processes
        self._schedule = ProbeSchedule()
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()

    def start_due(self, request: DrawnRequest) -> None:
        """Copy an ended request to the arms the plan wants probed now."""
        plan = request.plan
        if not plan.probe_per_s:
            return
        with self._lock:
            due = self._schedule.due(time.monotonic(), plan.probe_per_s, self._processes)
        for arm in due:
            if arm in plan.arms:
                self._start(self._copy(request, arm))

    def _copy(self, request: DrawnRequest, arm: str) -> DrawnRequest:
        asked = replace(request.asked, request_id=self._new_request_id(), at_s=time.time())
        return DrawnRequest(
            arm=arm,
            user_id=request.user_id,
            asked=asked,
            plan=request.plan,
            drawn=None,
            unit=request_unit(asked.request_id),
            role="probe",
            began_s=time.monotonic(),
            write=self._write,
            sign=lambda *_: "",
            is_owned=True,
        )

    def _start(self, probe: DrawnRequest) -> None:
        with self._lock:
            is_full = self._under_way[probe.arm] >= MOST_PER_ARM
            self._under_way[probe.arm] += not is_full
        if is_full:
            probe.finish(reason="earlier probes hang")
            return
        working = threading.Thread(target=self._work, args=(probe,), daemon=True)
        working.start()
        threading.Thread(target=_end_at_deadline, args=(working, probe), daemon=True).start()

    def _work(self, probe: DrawnRequest) -> None:
        try:
            self._probe_with(probe)
        except Exception as error:  # noqa: BLE001  (whatever an arm throws is a bad probe)
            probe.finish(reason=type(error).__name__)
        else:
            probe.finish()
        finally:
            with self._lock:
                self._under_way[probe.arm] -= 1


def _end_at_deadline(working: threading.Thread, probe: DrawnRequest) -> None:
    working.join(probe.deadline_ms / 1000.0)
    if working.is_alive():
        probe.finish(reason="deadline")

"""Brings done work in line with wanted work, once a second.

Each wanted item is finished (said again every 5 s), running here, waiting for another try, held by
another worker, or taken now: at most two at a time, a thread each, under a lease that is renewed
while it runs and kept until the item expires once it is finished.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

from controller.core.plan import Plan, Work
from controller.errors import Unavailable
from serving.workers.finished import FinishedWork, Status
from serving.workers.leases import Leases
from serving.workers.results import Done, Failed, Refused, Result, Task

LOG = logging.getLogger(__name__)

THREADS = 2
LEASE_S = 15.0
REPEAT_EVERY_S = 5.0
TRIES = 5
FIRST_WAIT_S = 3.0
"""Before the second try; doubled for each one after it."""


@dataclass(slots=True)
class _Running:
    work: Work
    future: Future[Result]
    cancelled: Event


@dataclass(slots=True)
class _Waiting:
    tries: int
    not_before_s: float
    status: Status


class Reconciler:
    """Counts: taken, done, failed, refused, tried_again, lease_failures."""

    def __init__(self, tasks: Mapping[str, Task], leases: Leases, finished: FinishedWork) -> None:
        self._tasks = tasks
        self._leases = leases
        self._finished = finished
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="work")
        self._running: dict[str, _Running] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._said: dict[str, tuple[Status, float]] = {}
        self.counts: Counter[str] = Counter()

    def turn(self, plan: Plan, now_s: float) -> list[Status]:
        """Statuses to publish now: those that changed, and each again after 5 s."""
        wanted = {work.id: work for work in plan.wanted if work.expires_at_s > now_s}
        for work_id, running in self._running.items():
            if work_id not in wanted:
                running.cancelled.set()
            self._renew(work_id)
        statuses = list(self._collect(now_s))
        for work in wanted.values():
            statuses += self._see_to(work, plan, now_s)
        for work_id in self._said.keys() - wanted.keys() - self._running.keys():
            del self._said[work_id]
            self._waiting.pop(work_id, None)
        return [status for status in statuses if self._is_news(status, now_s)]

    def stop(self) -> None:
        """Ask running tasks to end, wait for them and give up their leases."""
        for running in self._running.values():
            running.cancelled.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for work_id in self._running:
            try:
                self._leases.release(work_id)
            except Unavailable as error:
                LOG.warning("%s; the lease of %s runs out by itself", error, work_id)

    def _see_to(self, work: Work, plan: Plan, now_s: float) -> Iterator[Status]:
        last_word = self._finished.find(work.id)
        waiting = self._waiting.get(work.id)
        if last_word is not None:
            yield last_word
        elif work.id in self._running:
            if not self._running[work.id].cancelled.is_set():
                yield Status(work.id, work.kind, "running", "")
        elif waiting is not None and now_s < waiting.not_before_s:
            self._renew(work.id)
            yield waiting.status
        elif len(self._running) < THREADS and self._take(work.id):
            yield self._start(work, plan)

    def _start(self, work: Work, plan: Plan) -> Status:
        task = self._tasks.get(work.kind)
        if task is None:
            known = ", ".join(sorted(self._tasks))
            return self._settle(work, Refused(f"no worker does {work.kind!r}, only {known}"), 0.0)
        cancelled = Event()
        future = self._threads.submit(task, work, plan, cancelled.is_set)
        self._running[work.id] = _Running(work, future, cancelled)
        self.counts["taken"] += 1
        return Status(work.id, work.kind, "taken", "")

    def _collect(self, now_s: float) -> Iterator[Status]:
        for work_id, running in list(self._running.items()):
            if running.future.done():
                del self._running[work_id]
                yield self._settle(running.work, running.future.result(), now_s)

    def _settle(self, work: Work, result: Result, now_s: float) -> Status:
        tries = self._waiting[work.id].tries + 1 if work.id in self._waiting else 1
        if isinstance(result, Failed) and result.again and tries < TRIES:
            wait_s = FIRST_WAIT_S * 2.0 ** (tries - 1)
            detail = f"try {tries} of {TRIES}: {result.detail}; again in {wait_s:.0f} s"
            status = Status(work.id, work.kind, "running", detail)
            self._waiting[work.id] = _Waiting(tries, now_s + wait_s, status)
            self.counts["tried_again"] += 1
            return status
        self._waiting.pop(work.id, None)
        status = _last_word(work, result)
        self._finished.keep(status)
        self.counts[status.status] += 1
        self._renew(work.id, max(LEASE_S, work.expires_at_s - now_s))
        return status

    def _take(self, work_id: str) -> bool:
        try:
            return self._leases.take(work_id, LEASE_S)
        except Unavailable:
            self.counts["lease_failures"] += 1
            return False

    def _renew(self, work_id: str, ttl_s: float = LEASE_S) -> None:
        """A lease we cannot keep is no reason to end: what the task does is once per id."""
        try:
            self._leases.take(work_id, ttl_s)
        except Unavailable:
            self.counts["lease_failures"] += 1

    def _is_news(self, status: Status, now_s: float) -> bool:
        said = self._said.get(status.work_id)
        if said is not None and said[0] == status and now_s < said[1] + REPEAT_EVERY_S:
            return False
        self._said[status.work_id] = (status, now_s)
        return True


def _last_word(work: Work, result: Result) -> Status:
    match result:
        case Done(detail, version):
            return Status(work.id, work.kind, "done", detail, version)
        case Refused(detail):
            return Status(work.id, work.kind, "refused", detail)
        case Failed(detail):
            return Status(work.id, work.kind, "failed", detail)

"""The workers' process: reads the plan each second, does what it wants, says what became of it."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Mapping
from threading import Event

from controller.adapters.kafka_bus import KafkaBusWriter
from controller.adapters.plan_channel import SyncPlanChannel
from controller.adapters.redis_connection import connect
from controller.core.plan import Plan, plan_from_document
from controller.errors import Rejected, Unavailable
from controller.settings import REDIS_PASSWORD_ENV, Settings
from controller.telemetry.schema import MODEL, WORK
from models.registry import Registry
from serving.pipeline.producer import RowProducer
from serving.pipeline.ready import say_ready
from serving.workers.announcements import ModelRows, work_row
from serving.workers.finished import FinishedWork
from serving.workers.leases import RedisLeases
from serving.workers.notify import Notify
from serving.workers.prewarm import Prewarm
from serving.workers.ray_process import RayProcess, ray_address
from serving.workers.reconciler import Reconciler
from serving.workers.results import Task
from serving.workers.retrain import Retrain
from serving.workers.webhook import Webhook

LOG = logging.getLogger(__name__)
TURN_S = 1.0
REDIS_TIMEOUT_S = 1.0


class PlanReader:
    """The newest plan ever read; an unreadable store or plan leaves it as it is."""

    def __init__(self, channel: SyncPlanChannel) -> None:
        self._channel = channel
        self.plan: Plan | None = None
        self.failures = 0

    def refresh(self) -> Plan | None:
        """Raise Rejected on a wrong password."""
        try:
            raw = self._channel.load_plan()
            plan = plan_from_document(json.loads(raw)) if raw is not None else None
        except (Unavailable, ValueError, KeyError, TypeError) as error:
            self.failures += 1
            if self.failures in (1, 10, 100) or self.failures % 1_000 == 0:
                LOG.warning("plan: %s (%d times)", error, self.failures)
            return self.plan
        if plan is not None and self._is_newer(plan):
            self.plan = plan
        return self.plan

    def _is_newer(self, plan: Plan) -> bool:
        held = self.plan
        return held is None or (plan.epoch, plan.revision) >= (held.epoch, held.revision)


def main(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. 0: stopped clean; 2: Redis refuses the password."""
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    url, password = settings.endpoints.redis, os.environ.get(REDIS_PASSWORD_ENV)
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    channel = SyncPlanChannel(url, password, settings.service, REDIS_TIMEOUT_S)
    plans = PlanReader(channel)
    try:
        plans.refresh()
    except Rejected as error:
        print(error, file=sys.stderr)
        return 2
    writer = KafkaBusWriter(settings.endpoints.kafka, partitions=settings.partitions)
    producer = RowProducer(
        writer, producer_id=worker_id, service=settings.service, region=settings.region
    )
    client = connect(url, password, REDIS_TIMEOUT_S)
    reconciler = Reconciler(
        tasks_for(settings),
        RedisLeases(client, settings.service, worker_id),
        FinishedWork(settings.data_dir / "work"),
    )
    model_rows = ModelRows(Registry(settings.data_dir / "artifacts"))
    ready = say_ready(settings.data_dir, "workers")
    try:
        while not stopping.wait(TURN_S):
            plan, now_s = plans.refresh(), time.time()
            if plan is not None:
                statuses = reconciler.turn(plan, now_s)
                for status in statuses:
                    LOG.info(
                        "%s %s: %s %s", status.kind, status.work_id, status.status, status.detail
                    )
                producer.send(WORK, [work_row(s, worker_id, now_s) for s in statuses])
                producer.send(MODEL, model_rows.due(plan, statuses, now_s))
    finally:
        ready.unlink(missing_ok=True)
        reconciler.stop()
        writer.flush(1.0)
        writer.close()
        channel.close()
        client.close()
    return 0


def tasks_for(settings: Settings) -> Mapping[str, Task]:
    """What these workers do, by kind of work. A new kind is one entry here."""
    return {
        "retrain": Retrain(settings.data_dir, RayProcess(lambda: ray_address(settings))),
        "notify": Notify(settings.data_dir / "notifications.jsonl"),
        "webhook": Webhook(),
        "prewarm_cache": Prewarm(settings),
    }

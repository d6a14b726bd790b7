"""The controller as a program: the only place where its parts are put together.

``python -m controller --settings FILE [--dry-run]``. SIGTERM or SIGINT: give the lease up and end
with 0. SIGHUP: check the playbooks again. Bad input: one line and 2.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from controller.adapters.dry_run_store import DryRunStore
from controller.adapters.kafka_bus import KafkaBusReader, KafkaBusWriter
from controller.adapters.local_copy import LocalCopy
from controller.adapters.prometheus import ControllerMetrics
from controller.adapters.redis_store import RedisPlanStore, check_store
from controller.adapters.wall_clock import WallClock
from controller.atomic_file import write_atomically
from controller.core.playbook import Playbook
from controller.core.readings import Catalogue
from controller.errors import BadInput, SelfrightError, Unavailable
from controller.exclusive_folder import only_one
from controller.language.loading import load_playbooks
from controller.monitors.monitor_set import MonitorSet
from controller.operator_door.application import Ways
from controller.operator_door.open_door import OpenDoor, check_token
from controller.origin import check_origin
from controller.ports import BusWriter, PlanStore
from controller.settings import OPERATOR_TOKEN_ENV, PLAN_TOKEN_ENV, REDIS_PASSWORD_ENV, Settings
from controller.settings_file import read_settings
from controller.shell.accepted_playbooks import AcceptedPlaybooks
from controller.shell.journal import Journal, cut_torn_tail
from controller.shell.loop import Ports, Shell
from controller.shell.metrics import PrometheusMetrics
from controller.shell.playbook_watch import PlaybookWatch
from controller.shell.readings_file import ReadingsFile
from controller.shell.snapshots import Snapshots, resume
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import TOPICS, WORKER_TOPICS
from controller.telemetry.tally_log import LOG as LOG_PARTITION

LOG = logging.getLogger("controller")
READY_FILE = Path("run") / "controller.ready"


_IN_USE = "another controller uses this data folder; stop it or give another data_dir"


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m controller", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true", help="judge, but publish nothing")
    given = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        check_origin()
        run(read_settings(given.settings), dry_run=given.dry_run)
    except BadInput as error:
        sys.stderr.write(f"controller: {' '.join(str(error).split())}\n")
        return 2
    except SelfrightError as error:
        sys.stderr.write(f"controller: {' '.join(str(error).split())}\n")
        return 1
    return 0


def run(settings: Settings, *, dry_run: bool) -> None:
    """Put the parts together, loop until a signal, take them apart."""
    folder = settings.data_dir / "dry-run" if dry_run else settings.data_dir
    with ExitStack() as parts:
        parts.enter_context(only_one(folder, "controller", _IN_USE))
        monitors = MonitorSet(settings, by_workers=settings.tally_workers > 0)
        clock = WallClock()
        watch = _watch(settings, folder, monitors.catalogue)
        _stop_on_signal(clock, watch, stopping := [False])
        ports = _connect(settings, folder, monitors, clock, watch, parts, dry_run=dry_run)
        shell = Shell(settings.for_judge(monitors.catalogue), _holder(), _code(), ports)
        parts.callback(shell.close)
        _say_ready(folder, parts)
        # What is there now stays: the collector need not go through it again and again.
        gc.collect()
        gc.freeze()
        while not stopping[0]:
            shell.run_tick()


def _connect(
    settings: Settings,
    folder: Path,
    monitors: MonitorSet,
    clock: WallClock,
    watch: PlaybookWatch,
    parts: ExitStack,
    *,
    dry_run: bool,
) -> Ports:
    ledger = Ledger()
    snapshots = Snapshots(folder / "snapshots")
    positions = resume(snapshots.load(), monitors, ledger)
    if (torn := cut_torn_tail(folder / "journal")) is not None:
        LOG.warning("%s", torn)
    kept = settings.retention
    copy = LocalCopy(folder / "decisions", kept.decisions_s, kept.decisions_mb * 1e6)
    metrics = ControllerMetrics(settings.endpoints.metrics_port)
    parts.callback(metrics.close)
    own = [t for t in TOPICS if not (settings.tally_workers and t in WORKER_TOPICS)]
    assigned = [(topic, number) for topic in own for number in range(settings.partitions)]
    if settings.tally_workers:
        assigned.append(LOG_PARTITION)
    reader = KafkaBusReader(
        settings.endpoints.kafka, assigned, positions, topic_partitions=settings.partitions
    )
    parts.callback(reader.close)
    writer = KafkaBusWriter(settings.endpoints.kafka, partitions=settings.partitions)
    parts.callback(writer.close)
    if not dry_run:  # a dry run commands nobody
        _open_door(settings, writer, metrics, parts)
    return Ports(
        reader=reader,
        dead_letters=writer,
        store=_store(settings, parts, dry_run=dry_run),
        copy=copy,
        clock=clock,
        journal=Journal(folder / "journal", kept.journal_s, kept.journal_mb * 1e6),
        monitors=monitors,
        ledger=ledger,
        snapshots=snapshots,
        readings_file=ReadingsFile(folder),
        playbooks=watch,
        metrics=PrometheusMetrics(metrics),
    )


def _store(settings: Settings, parts: ExitStack, *, dry_run: bool) -> PlanStore:
    """Refuse a Redis that may evict the plan; one that is not there yet is waited for."""
    url, password = settings.endpoints.redis, os.environ.get(REDIS_PASSWORD_ENV)
    try:
        for warning in check_store(url, password):
            LOG.warning("%s", warning)
    except Unavailable as error:
        LOG.warning("%s", error)
    store = RedisPlanStore(url, password, settings.service)
    parts.callback(store.close)
    return DryRunStore(store, WallClock()) if dry_run else store


def _open_door(
    settings: Settings, writer: BusWriter, metrics: ControllerMetrics, parts: ExitStack
) -> None:
    """People command by HTTP only where a token says that they may."""
    token = os.environ.get(OPERATOR_TOKEN_ENV, "")
    if not token:
        LOG.info("the operator door stays shut: %s is not in the environment", OPERATOR_TOKEN_ENV)
        return
    check_token(token)
    plan_token = os.environ.get(PLAN_TOKEN_ENV, "")
    if plan_token:
        check_token(plan_token, PLAN_TOKEN_ENV)
    ends = settings.endpoints
    store = RedisPlanStore(ends.redis, os.environ.get(REDIS_PASSWORD_ENV), settings.service)
    parts.callback(store.close)
    door = OpenDoor(
        Ways(settings.service, settings.data_dir, writer, store),
        token,
        ends.operator_host,
        ends.operator_port,
        metrics.operator_door.set,
        plan_token,
    )
    parts.callback(door.close)


def _watch(settings: Settings, folder: Path, catalogue: Catalogue) -> PlaybookWatch:
    def load() -> tuple[Playbook, ...]:
        return load_playbooks(settings.playbooks, settings, catalogue)

    accepted = AcceptedPlaybooks(folder)
    return PlaybookWatch(settings.playbooks, load, accepted.last, accepted.keep)


def _stop_on_signal(clock: WallClock, watch: PlaybookWatch, stopping: list[bool]) -> None:
    def stop(*_: object) -> None:
        stopping[0] = True
        clock.wake()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, lambda *_: watch.ask())


def _holder() -> str:
    """New at every start: a process that was paused must not pass for its successor."""
    return f"{socket.gethostname()}-{os.getpid()}-{time.time_ns() // 1_000_000:x}"


def _code() -> str:
    try:
        return version("selfright")
    except PackageNotFoundError:
        return "unpackaged"


def _say_ready(folder: Path, parts: ExitStack) -> None:
    ready = folder / READY_FILE
    write_atomically(ready, json.dumps({"pid": os.getpid()}).encode())
    parts.callback(ready.unlink, missing_ok=True)
    LOG.info("ready")


if __name__ == "__main__":
    sys.exit(main())

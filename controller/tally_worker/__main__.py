"""A tally worker as a program: ``python -m controller.tally_worker --settings FILE --worker 0/2``.

SIGTERM or SIGINT: end with 0. Bad input: one line and 2.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from controller.adapters.kafka_bus import KafkaBusReader, KafkaBusWriter
from controller.adapters.kafka_topics import end_of
from controller.adapters.wall_clock import WallClock
from controller.atomic_file import write_atomically
from controller.errors import BadInput, SelfrightError, Unavailable
from controller.exclusive_folder import only_one
from controller.origin import check_origin
from controller.ports import BusReader, Partition, Position
from controller.settings import Settings
from controller.settings_file import read_settings
from controller.tally_worker.worker import TallyWorker, WorkerPorts, begin
from controller.telemetry.tally_log import LOG as LOG_PARTITION

LOG = logging.getLogger("controller.tally_worker")
RETRY_S = 1.0
_WORKER = re.compile(r"(\d{1,3})/(\d{1,3})")
_IN_USE = "another worker of this number uses this data folder; stop it or give another data_dir"


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m controller.tally_worker", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--worker", required=True, metavar="I/N", help="of N, from 0: 0/2 or 1/2")
    given = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        check_origin()
        run(read_settings(given.settings), *_which(given.worker))
    except BadInput as error:
        sys.stderr.write(f"tally worker: {' '.join(str(error).split())}\n")
        return 2
    except SelfrightError as error:
        sys.stderr.write(f"tally worker: {' '.join(str(error).split())}\n")
        return 1
    return 0


def _which(text: str) -> tuple[int, int]:
    match = _WORKER.fullmatch(text)
    if match is None or not int(match[1]) < int(match[2]):
        raise BadInput(f"{text!r} is no worker; accepted: I/N with I below N", field="--worker")
    return int(match[1]), int(match[2])


def run(settings: Settings, index: int, count: int) -> None:
    """Count until a signal; begin again when overtaken."""
    name = f"tally-worker-{index}"
    clock, stopping = WallClock(), [False]

    def stop(*_: object) -> None:
        stopping[0] = True
        clock.wake()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with ExitStack() as parts:
        parts.enter_context(only_one(settings.data_dir, name, _IN_USE))
        writer = KafkaBusWriter(settings.endpoints.kafka, partitions=settings.partitions)
        parts.callback(writer.close)
        _say_ready(settings.data_dir, name, parts)

        def open_reader(
            partitions: Sequence[Partition], positions: Mapping[Partition, Position]
        ) -> BusReader:
            return KafkaBusReader(
                settings.endpoints.kafka,
                partitions,
                positions,
                topic_partitions=settings.partitions,
            )

        while not stopping[0]:
            own_name = f"{name}-{os.getpid()}-{time.time_ns() // 1_000_000:x}"
            ports = WorkerPorts(own_name, open_reader, writer, clock)
            worker = _begin(settings, index, count, ports)
            if worker is None:
                clock.sleep_until(clock.now_s() + RETRY_S)
                continue
            try:
                while not stopping[0] and not worker.is_overtaken:
                    worker.step()
            finally:
                worker.close()
            if worker.is_overtaken:
                clock.sleep_until(clock.now_s() + RETRY_S)


def _begin(settings: Settings, index: int, count: int, ports: WorkerPorts) -> TallyWorker | None:
    try:
        end = end_of(settings.endpoints.kafka, LOG_PARTITION)
    except Unavailable as error:
        LOG.warning("%s", error)
        return None
    return begin(settings, index, count, end, ports)


def _say_ready(folder: Path, name: str, parts: ExitStack) -> None:
    ready = folder / "run" / f"{name}.ready"
    write_atomically(ready, json.dumps({"pid": os.getpid()}).encode())
    parts.callback(ready.unlink, missing_ok=True)
    LOG.info("ready")


if __name__ == "__main__":
    sys.exit(main())

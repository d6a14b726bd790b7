"""Worker processes on a real broker: one is killed with SIGKILL while messages flow."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.kafka_bus import KafkaBusReader, KafkaBusWriter
from controller.monitors.monitor_set import MonitorSet
from controller.monitors.tally_set import TallySet
from controller.settings import Endpoints, Settings
from controller.shell.intake import Intake
from controller.telemetry.batches import encode_arrow, headers_for
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import SERVED
from controller.telemetry.tally_log import LOG
from selfright.stack.broker import EmbeddedBroker
from tests.monitors.telemetry_rows import batch_of, served

pytestmark = [pytest.mark.live, pytest.mark.kills]
ROOT = Path(__file__).parents[2]
PARTITIONS = 2
CAP_S = 60.0


class Traffic:
    """Batches to both partitions, and one tally set that sees each once."""

    def __init__(self, writer: KafkaBusWriter, settings: Settings) -> None:
        self.once = TallySet(settings)
        self._writer = writer
        self._seq = 0
        self._generator = random.Random(7)

    def send(self, batches: int) -> None:
        now_s = time.time()
        for _ in range(batches):
            for partition in range(PARTITIONS):
                rows = [served(now_s - self._generator.random()) for _ in range(20)]
                headers = headers_for(
                    producer_id=f"p{partition}", producer_seq=self._seq, service="recommender"
                )
                assert self._writer.send(
                    SERVED, encode_arrow(SERVED, rows), headers=headers, partition=partition
                )
                own = {"producer_id": f"p{partition}", "producer_seq": self._seq}
                self.once.update(batch_of(SERVED, rows, partition=partition, **own))
            self._seq += 1


def await_that(what: str, is_so: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + CAP_S
    while not is_so():
        assert time.monotonic() < give_up_s, what
        time.sleep(0.05)


def start(settings_file: Path, index: int, log: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "controller.tally_worker"]
    words += ["--settings", str(settings_file), "--worker", f"{index}/{PARTITIONS}"]
    with log.open("ab") as said:
        return subprocess.Popen(words, cwd=ROOT, stdout=said, stderr=said)


def users_in(tallies: TallySet) -> Any:
    tallies.count_gathered()
    return tallies.tally("users").snapshot()


def test_a_killed_worker_loses_and_repeats_nothing(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, 0, PARTITIONS)
    broker.start()
    settings = Settings(
        partitions=PARTITIONS,
        tally_workers=PARTITIONS,
        data_dir=tmp_path,
        endpoints=Endpoints(kafka=broker.bootstrap),
    )
    settings_file, log = tmp_path / "settings.json", tmp_path / "workers.log"
    settings_file.write_text(settings.model_dump_json())
    writer = KafkaBusWriter(broker.bootstrap, partitions=PARTITIONS)
    reader = KafkaBusReader(broker.bootstrap, [LOG], topic_partitions=PARTITIONS)
    workers = [start(settings_file, index, log) for index in range(PARTITIONS)]
    try:
        monitors = MonitorSet(settings, by_workers=True)
        intake = Intake("recommender", monitors, Ledger(), writer)
        traffic = Traffic(writer, settings)
        held, once = monitors._tallies, traffic.once

        def came(share: float) -> bool:
            intake.take(reader.poll(0.1, 100), time.time())
            counts, whole = held.sources.batches, once.sources.batches
            return bool(counts) and all(counts.get(p, 0) >= share * n for p, n in whole.items())

        traffic.send(100)
        await_that("the first counts", lambda: came(0.1))
        intake.tell_workers("reader", reader.positions())
        traffic.send(100)
        workers[0].send_signal(signal.SIGKILL)
        workers[0].wait()
        traffic.send(100)
        workers[0] = start(settings_file, 0, log)
        traffic.send(100)
        await_that(f"all counts\n{log.read_text()}", lambda: came(1.0))
        assert held.sources.batches == once.sources.batches
        mine, theirs = users_in(held), users_in(once)
        assert {n: sorted(a.T.tolist()) for n, a in mine.items() if n.endswith("counts")} == {
            n: sorted(a.T.tolist()) for n, a in theirs.items() if n.endswith("counts")
        }
        assert monitors._counted()["gaps"] == once.gaps()
        for worker in workers:
            worker.terminate()
        assert [worker.wait(30.0) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        writer.close()
        reader.close()
        broker.stop()

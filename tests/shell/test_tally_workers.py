"""Workers count in the controller's place: whatever dies, is repeated or awakes again, the
reader's tallies are those of one process that saw everything once."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.memory_bus import MemoryBus
from controller.adapters.memory_clock import MemoryClock
from controller.core.readings import ReadingState, SignalKey
from controller.monitors.layers import MONITORS
from controller.monitors.monitor_set import MonitorSet
from controller.monitors.tally_set import TallySet
from controller.ports import Position
from controller.settings import Settings
from controller.shell.intake import Intake
from controller.tally_worker.__main__ import main
from controller.tally_worker.worker import TallyWorker, WorkerPorts, begin
from controller.telemetry import tally_log
from controller.telemetry.batches import decode, encode_arrow, headers_for
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import MODEL, OUTCOME, REPLICA, SERVED
from controller.telemetry.tally_log import LOG
from selfright.up import _counting
from tests.monitors.telemetry_rows import T0, click, router, served
from tests.monitors.test_exact_in_any_order import REFERENCE, content, random_rows

PARTITIONS = 3
SETTINGS = Settings(attribution_window_s=10.0, partitions=PARTITIONS, tally_workers=2)


class Plant:
    """A bus, a reader and workers, each moved by hand."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self.bus = MemoryBus(PARTITIONS)
        self.clock = MemoryClock(T0)
        self.settings = SETTINGS.model_copy(update={"partitions": partitions})
        self.workers: dict[int, TallyWorker] = {}
        self.asleep: list[TallyWorker] = []
        self.reader_positions: dict[Any, Position] = {}
        self._names = 0
        self._seqs: dict[tuple[str, int], int] = {}
        self.messages: list[Any] = []
        self.start_reader(None)
        self.send(MODEL, 0, [REFERENCE])

    def start_reader(self, snapshot: bytes | None) -> None:
        self.monitors = MonitorSet(self.settings, by_workers=True)
        if snapshot is not None:
            self.monitors.restore(snapshot)
        own = [(t, n) for t in (MODEL, REPLICA) for n in range(PARTITIONS)]
        self.reader = self.bus.reader([*own, LOG], self.reader_positions)
        self.intake = Intake("recommender", self.monitors, Ledger(), self.bus.writer())

    def send(self, topic: str, partition: int, rows: list[dict[str, Any]], again: int = 1) -> None:
        place = (topic, partition)
        seq = self._seqs[place] = self._seqs.get(place, -1) + 1
        headers = headers_for(producer_id="p", producer_seq=seq, service="recommender")
        for _ in range(again):
            self.bus.append(topic, encode_arrow(topic, rows), headers, partition, None)

    def start_worker(self, index: int, count: int = 2) -> None:
        self._names += 1
        ports = WorkerPorts(f"w{self._names}", self.bus.reader, self.bus.writer(), self.clock)
        log = self.bus.reader([LOG])
        while log.poll(0.0, 1_000):
            pass
        self.workers[index] = begin(self.settings, index, count, log.positions()[LOG], ports)

    def work(self, worker: TallyWorker, limit: int = 500) -> None:
        worker.take(worker._reader.poll(0.0, limit))

    def read(self) -> None:
        while messages := self.reader.poll(0.0, 100):
            self.intake.take(messages, self.clock.now_s())

    def settle(self, count: int = 2) -> None:
        """Everybody gets up to date."""
        for _ in range(4):
            for index in range(count):
                if index not in self.workers or self.workers[index].is_overtaken:
                    self.start_worker(index, count)
                for _ in range(3):
                    self.work(self.workers[index])
                    if not self.workers[index].is_overtaken:
                        self.workers[index].publish(self.clock.now_s())
            self.read()
            self.intake.tell_workers("reader", self.reader.positions())
        self.read()

    def once(self) -> TallySet:
        """One process that saw everything once."""
        found = TallySet(self.settings)
        places = [(t, n) for t in (MODEL, SERVED, OUTCOME) for n in range(PARTITIONS)]
        reader = self.bus.reader(places)
        while messages := reader.poll(0.0, 1_000):
            for message in messages:
                found.update(decode(message), self.clock.now_s())
        return found

    def is_exact(self) -> None:
        held, whole = self.monitors._tallies, self.once()
        held.count_gathered()
        whole.count_gathered()
        for monitor in MONITORS:
            mine, theirs = (held_by(each.tally(monitor.name)) for each in (held, whole))
            assert mine == theirs, monitor.name
        clicks = [each.tally("clicks").everywhere(T0 - 100, T0 + 100) for each in (held, whole)]
        assert clicks[0] == clicks[1]
        assert held.sources.batches == whole.sources.batches
        assert held.sources.newest_s == whole.sources.newest_s
        assert self.monitors._counted()["gaps"] == whole.gaps()


@dataclass
class Stored:
    """Arrays of a tally, by the name that `content` asks them by."""

    arrays: dict[str, Any]

    def snapshot(self) -> dict[str, Any]:
        return self.arrays


def held_by(tally: Any) -> dict[str, Any]:
    """What a tally holds, in an order of its own making; tables by hour are in order already."""
    arrays = tally.snapshot()
    hourly = {n for n in arrays if n.rpartition("/")[2] in ("hours", "tables")}
    hourly = {n for n in hourly if f"{n.rpartition('/')[0]}/hours" in arrays}
    found = content(Stored({n: a for n, a in arrays.items() if n not in hourly}))
    return found | {name: arrays[name].tolist() for name in hourly}


STEPS = ("send", "send", "work", "work", "publish", "kill", "sleep", "awake", "read", "restart")


@given(seed=st.integers(0, 2**32), steps=st.lists(st.sampled_from(STEPS), max_size=25))
@settings(max_examples=20, deadline=None)
def test_crashes_zombies_and_duplicates_change_no_count(seed: int, steps: list[str]) -> None:
    generator, plant = random.Random(seed), Plant()
    plant.clock.sleep_until(T0 + 60)
    batches = _batches(generator)
    saved = (plant.monitors.snapshot(), dict(plant.reader_positions))
    for step in steps:
        index = generator.randrange(2)
        worker = plant.workers.get(index)
        if step == "send" and batches:
            plant.send(*batches.pop(), again=generator.choice([1, 1, 2]))
        elif step == "read":
            plant.read()
            saved = (plant.monitors.snapshot(), dict(plant.reader.positions()))
            plant.intake.tell_workers("reader", plant.reader.positions())
        elif step == "restart":
            plant.reader_positions = saved[1]
            plant.start_reader(saved[0])
        elif step == "awake" and plant.asleep:
            zombie = generator.choice(plant.asleep)
            zombie.publish(plant.clock.now_s())
            plant.work(zombie, generator.randrange(1, 20))
        elif worker is None or worker.is_overtaken:
            plant.start_worker(index)
        elif step == "work":
            plant.work(worker, generator.randrange(1, 20))
        elif step == "publish":
            worker.publish(plant.clock.now_s())
        elif step in ("kill", "sleep"):
            plant.asleep += [plant.workers.pop(index)] if step == "sleep" else []
            plant.workers.pop(index, None)
    for batch in batches:
        plant.send(*batch)
    plant.settle()
    plant.is_exact()


def _batches(generator: random.Random) -> list[tuple[str, int, list[dict[str, Any]]]]:
    found = []
    for seed in range(3):
        rows = random_rows(generator.randrange(2**32) + seed)
        for topic in (SERVED, OUTCOME):
            while rows[topic]:
                size = generator.randrange(1, 12)
                found.append((topic, generator.randrange(PARTITIONS), rows[topic][:size]))
                rows[topic] = rows[topic][size:]
    generator.shuffle(found)
    return found


def test_a_partition_added_while_messages_flow_loses_and_repeats_nothing() -> None:
    plant = Plant(partitions=2)
    plant.clock.sleep_until(T0 + 60)
    for batch in _batches(random.Random(1)):
        plant.send(*batch)  # some go to the third partition, which nobody reads yet
    plant.settle()
    plant.settings = SETTINGS
    saved, plant.reader_positions = plant.monitors.snapshot(), dict(plant.reader.positions())
    plant.start_reader(saved)
    plant.workers.clear()
    for topic, partition, rows in _batches(random.Random(2)):
        plant.send(topic, partition, rows)
    plant.settle(count=3)
    plant.is_exact()


def test_a_message_larger_than_a_broker_takes_counts_once_also_across_a_restart(
    monkeypatch,
) -> None:
    monkeypatch.setattr(tally_log, "PART_BYTES", 5_000)
    plant = Plant()
    plant.clock.sleep_until(T0 + 60)
    for batch in _batches(random.Random(3)):
        plant.send(*batch)
    for index in range(2):
        plant.start_worker(index)
        plant.work(plant.workers[index])
        plant.workers[index].publish(plant.clock.now_s())
    while messages := plant.reader.poll(0.0, 1):  # a restart after each part
        plant.intake.take(messages, plant.clock.now_s())
        saved, plant.reader_positions = plant.monitors.snapshot(), dict(plant.reader.positions())
        plant.start_reader(saved)
    plant.settle()
    plant.is_exact()


def test_a_worker_that_falls_silent_is_lag_and_makes_readings_stale() -> None:
    plant = Plant()
    rate, lag = SignalKey("request_rate_per_s", (), 5.0), (("topic", "served"),)
    states, lags = [], []
    for second in range(1, 20):
        at_s = T0 + second
        plant.clock.sleep_until(at_s + 0.35)
        plant.send(REPLICA, 0, [router(at_s)])
        for number in range(PARTITIONS):
            rows = [served(at_s - 0.5, request_id=bytes([number]) * 16) for _ in range(5)]
            plant.send(SERVED, number, rows)
        for index in range(2):
            if index == 1 and second >= 10:
                continue  # the worker of partition 1 is gone
            if index not in plant.workers:
                plant.start_worker(index)
            plant.work(plant.workers[index])
            plant.workers[index].publish(plant.clock.now_s())
        plant.read()
        readings = plant.monitors.read(at_s, True)
        states.append(readings[rate].state)
        lags.append(readings[SignalKey("source.lag_s", lag, 0.0)].value)
        if second in (7, 8):
            assert readings[rate].value == PARTITIONS * 5
    assert states[6:9] == [ReadingState.OK] * 3
    assert states[11:] == [ReadingState.STALE] * len(states[11:])
    assert lags[-1] == pytest.approx(9.65, abs=0.01)


def test_a_reader_that_lost_all_starts_where_the_log_does_and_workers_follow_its_word() -> None:
    plant = Plant()
    plant.clock.sleep_until(T0 + 60)
    for batch in _batches(random.Random(4)):
        plant.send(*batch)
    plant.settle()
    plant.reader_positions = {}
    plant.start_reader(None)
    row = served(T0 + 30)
    plant.send(SERVED, 0, [row])
    plant.send(OUTCOME, 0, [click(row)])
    plant.workers.clear()
    plant.settle()
    plant.is_exact()


@pytest.mark.parametrize("worker", ["2/2", "1", "-1/2", "a/b"])
def test_a_worker_that_cannot_be_is_one_line_and_2(worker: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"version": 1}')
    assert main(["--settings", str(path), f"--worker={worker}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "accepted: I/N with I below N" in line


def test_up_runs_as_many_workers_as_settings_ask_for() -> None:
    assert _counting(Settings()) == {}
    assert _counting(SETTINGS) == {
        "tally-worker-0": ("controller.tally_worker", "--worker", "0/2"),
        "tally-worker-1": ("controller.tally_worker", "--worker", "1/2"),
    }

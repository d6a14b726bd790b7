"""Two worker processes beside one, and what taking a worker's counts costs the reader.

Each process decodes and counts batches of its own partition that lie in its memory, so that no
broker is measured, and packs a delta every 50 batches. Wall time, all processes at once; the best
of several rounds in turn, since other programs share the cores. Where these leave less than two
cores free the wall cannot show it; the second figure, by the CPU time of each, shows only whether
the processes hinder each other.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Iterator
from itertools import count
from multiprocessing.connection import Connection

from benchmarks.figure import Figure
from benchmarks.served_events import FEATURES, SEGMENTS, model_reference, served_events
from controller.monitors.counting.array_file import pack, unpack
from controller.monitors.tally_set import TallySet
from controller.ports import Message
from controller.settings import Settings
from controller.telemetry.batches import TelemetryBatch, decode, encode_arrow, headers_for
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import MODEL, SCHEMA_VERSION, SERVED

START_S = 1_790_000_000
BATCH_ROWS = 1_000
DELTA_BATCHES = 50
GOAL_RATIO = 1.7
GOAL_MERGE_MS = 50.0
START_CAP_S = 120.0


def figures(quick: bool) -> Iterator[Figure]:
    yield from _processes(rounds=2 if quick else 5, deltas=2 if quick else 6)
    yield _merge(5 if quick else 30)


def _processes(rounds: int, deltas: int) -> Iterator[Figure]:
    spawning = multiprocessing.get_context("spawn")
    pipes = [spawning.Pipe() for _ in range(2)]
    workers = [
        spawning.Process(target=_serve, args=(n, theirs, deltas), daemon=True)
        for n, (_, theirs) in enumerate(pipes)
    ]
    ours = [mine for mine, _ in pipes]
    for worker in workers:
        worker.start()
    try:
        for pipe in ours:
            _answer(pipe)
        alone, both = [], []
        for _ in range(rounds):
            alone.append(_rates(ours[:1], deltas))
            both.append(_rates(ours, deltas))
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
    for place, clock in enumerate(("wall time, both at once", "CPU time, both at once")):
        one, two = (max(rates[place] for rates in each) for each in (alone, both))
        yield Figure(
            f"two workers beside one, {clock}",
            two,
            "events/s",
            one,
            two / one,
            f">= {GOAL_RATIO:g}x one",
            two >= GOAL_RATIO * one,
        )


def _rates(pipes: list[Connection], deltas: int) -> tuple[float, float]:
    """Events per second: of wall time until the last is done, and summed by own CPU time."""
    began_s = time.perf_counter()
    for pipe in pipes:
        pipe.send("go")
    took_s = [_answer(pipe) for pipe in pipes]
    rows = deltas * DELTA_BATCHES * BATCH_ROWS
    wall = len(pipes) * rows / (time.perf_counter() - began_s)
    return wall, sum(rows / each_s for each_s in took_s)


def _answer(pipe: Connection) -> float:
    if not pipe.poll(START_CAP_S):
        raise RuntimeError(f"a worker process did not answer within {START_CAP_S:g} s")
    return float(pipe.recv())


def _serve(partition: int, pipe: Connection, deltas: int) -> None:
    """One worker process: counts as often as it is asked to."""
    values, numbers = _messages(partition), count()
    tallies = _watching()
    _counted(tallies, values, numbers, partition)
    pipe.send(0.0)
    while True:
        pipe.recv()
        began_s = time.process_time()
        for _ in range(deltas):
            tallies = tallies.successor()
            pack(_counted(tallies, values, numbers, partition).counts())
        pipe.send(time.process_time() - began_s)


def _messages(seed: int) -> list[bytes]:
    batches = [served_events(BATCH_ROWS, START_S + n, seed=10 * seed + n) for n in range(5)]
    return [encode_arrow(SERVED, batch) for batch in batches]


def _watching() -> TallySet:
    tallies = TallySet(Settings(segments=SEGMENTS))
    reference = batch_from_rows(MODEL, [model_reference(START_S - 5.0)])
    tallies.refer(
        TelemetryBatch(MODEL, 0, "model", 0, "recommender", "", SCHEMA_VERSION, reference)
    )
    return tallies


def _counted(
    tallies: TallySet, values: list[bytes], numbers: Iterator[int], partition: int
) -> TallySet:
    for n in range(DELTA_BATCHES):
        seq = next(numbers)
        headers = headers_for(producer_id="bench", producer_seq=seq, service="recommender")
        batch = decode(Message(SERVED, partition, seq, "t", values[n % len(values)], headers))
        assert isinstance(batch, TelemetryBatch)
        tallies.update(batch)
    return tallies


def _merge(rounds: int) -> Figure:
    """A delta of 50,000 events over 5 seconds into a reader that holds as much."""
    held, values, numbers = _watching(), _messages(0), count()
    data = pack(_counted(held.successor(), values, numbers, 0).counts())
    held.merge_counts(unpack(data))
    took_s = []
    for _ in range(rounds):
        began_s = time.process_time()
        held.merge_counts(unpack(data))
        took_s.append(time.process_time() - began_s)
    merge_ms = statistics.median(took_s) * 1e3
    return Figure(
        f"a delta of {len(data) / 1e3:.0f} kB ({FEATURES} inputs, {len(SEGMENTS)} columns) merged",
        merge_ms,
        "ms",
        None,
        None,
        f"<= {GOAL_MERGE_MS:.0f} ms of CPU time a second and worker",
        merge_ms <= GOAL_MERGE_MS,
    )

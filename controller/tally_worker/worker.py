"""A worker: reads its partitions, counts them, and each second publishes what it counted.

It publishes the next only when it has read in the log that the last one counts. When somebody
else counted its partitions meanwhile, or a reader says otherwise, it begins again from there.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from controller.monitors.counting.array_file import pack
from controller.monitors.tally_set import TallySet
from controller.ports import BusReader, BusWriter, Clock, Message, Partition, Position
from controller.settings import Settings
from controller.tally_worker.log_state import LogState, OpenReader, read_log_state
from controller.telemetry.batches import BrokenBatch, TelemetryBatch, decode
from controller.telemetry.schema import (
    DEAD_LETTER_SUFFIX,
    MODEL,
    SCHEMA_VERSION,
    TALLY,
    WORKER_TOPICS,
)
from controller.telemetry.tally_log import (
    ACCEPTED,
    LOG,
    Delta,
    Moved,
    NotATallyMessage,
    Whole,
    encode_delta,
)

SAID = logging.getLogger(__name__)
PUBLISH_AFTER_S = 0.35
"""After the full second: serving's batches of that second are here, and the reader, who reads its
tick half a second after it, still gets the counts."""
POLL_S = 0.1
POLL_MESSAGES = 500
SEND_AGAIN_S = 15.0
"""Longer than a writer tries, so that what is sent again is not on its way."""
TRAIL = 500
_Parts = list[tuple[bytes, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class WorkerPorts:
    """Everything outside. ``name`` is new at every start of a worker."""

    name: str
    open_reader: OpenReader
    writer: BusWriter
    clock: Clock


@dataclass(slots=True)
class _Waiting:
    """A delta on its way: not known yet to count."""

    seq: int
    parts: _Parts
    sent_s: float
    lost: int


class TallyWorker:
    """Counts partitions p with p % ``count`` == ``index``, from where ``state`` says."""

    def __init__(
        self, settings: Settings, index: int, count: int, state: LogState, ports: WorkerPorts
    ) -> None:
        self.is_overtaken = False
        """Somebody else decided where its partitions stand: make another worker."""
        self._settings = settings
        self._ports = ports
        self._accepted = state.accepted
        self._mine = [n for n in range(settings.partitions) if n % count == index]
        places = [(topic, number) for number in self._mine for topic in WORKER_TOPICS]
        none = Position("", 0)
        self._held = {place: state.accepted.positions.get(place, none) for place in places}
        self._tallies = TallySet(settings)
        for number in self._mine:
            if number in state.accepted.ledgers:
                self._tallies.ledger(number).restore(state.accepted.ledgers[number])
        if state.models is not None:
            self._tallies.refer(_models_batch(settings, state))
        models = [(MODEL, number) for number in range(settings.partitions)]
        self._reader: BusReader = ports.open_reader(
            [*models, LOG, *places],
            {**self._held, **state.models_read, LOG: state.accepted.log},
        )
        self._waiting: _Waiting | None = None
        self._seq = 0
        self._trail: deque[tuple[Position, dict[Partition, Position]]] = deque(maxlen=TRAIL)
        self._due_s = _next_due_s(ports.clock.now_s())

    def step(self) -> None:
        """Take what there is, and publish when it is time. Nothing more once overtaken."""
        clock = self._ports.clock
        wait_s = max(0.0, self._due_s - clock.now_s())
        messages = self._reader.poll(min(wait_s, POLL_S), POLL_MESSAGES)
        self.take(messages)
        now_s = clock.now_s()
        if now_s >= self._due_s and not self.is_overtaken:
            self.publish(now_s)
            self._due_s = _next_due_s(now_s)
        elif not messages:
            clock.sleep_until(min(self._due_s, now_s + POLL_S))

    def take(self, messages: Sequence[Message]) -> None:
        """Count telemetry, and hear what the log says; models first, since counting needs them."""
        for message in sorted(messages, key=lambda each: each.topic != MODEL):
            if message.topic == TALLY:
                self._hear(message)
                if self.is_overtaken:
                    return
                continue
            batch = decode(message)
            if isinstance(batch, BrokenBatch):
                self._bury(message, batch)
            elif message.topic == MODEL:
                self._tallies.refer(batch)
            else:
                self._tallies.update(batch, self._ports.clock.now_s())

    def publish(self, now_s: float) -> None:
        """Send what was counted since the last one, if that one counts; else look after that."""
        if self._waiting is not None:
            self._send_again_if_lost(self._waiting, now_s)
            return
        read = self._reader.positions()
        delta = Delta(
            self._ports.name,
            self._seq,
            now_s,
            {place: Moved(held, read[place]) for place, held in self._held.items()},
            {number: self._tallies.ledger(number).snapshot() for number in self._mine},
            {
                (topic, number): self._tallies.ledger(number).gaps().get(topic, 0)
                for number in self._mine
                for topic in WORKER_TOPICS
            },
            pack(self._tallies.counts()),
        )
        self._tallies = self._tallies.successor()
        self._tallies.closed_s = float(math.floor(now_s))
        parts = list(encode_delta(self._settings.service, delta))
        self._waiting = _Waiting(self._seq, parts, now_s, self._ports.writer.lost())
        self._seq += 1
        self._send(self._waiting, now_s)

    def close(self) -> None:
        self._reader.close()

    def _send(self, waiting: _Waiting, now_s: float) -> None:
        writer = self._ports.writer
        waiting.lost = writer.lost()
        sent = [
            writer.send(TALLY, value, headers=headers, partition=0)
            for value, headers in waiting.parts
        ]
        waiting.sent_s = now_s if all(sent) else -math.inf

    def _send_again_if_lost(self, waiting: _Waiting, now_s: float) -> None:
        is_lost = self._ports.writer.lost() > waiting.lost
        if is_lost or now_s - waiting.sent_s > SEND_AGAIN_S:
            self._send(waiting, now_s)

    def _hear(self, message: Message) -> None:
        self._trail.append((Position(message.topic_id, message.offset), self._where()))
        try:
            whole, counted = self._accepted.take(message)
        except NotATallyMessage as error:
            SAID.warning("tally log at %d: %s", message.offset, error)
            return
        waiting = self._waiting
        if whole is None:
            return
        if whole.kind == ACCEPTED:
            self._compare(whole)
        elif waiting and (whole.sender, whole.seq) == (self._ports.name, waiting.seq):
            if counted is None:
                self._give_way("what this worker sent does not count")
                return
            self._waiting = None
            self._held = {place: moved.end for place, moved in counted.moved.items()}
        elif counted is not None and not self._held.keys().isdisjoint(counted.moved):
            self._give_way(f"{whole.sender} counted the same partitions")

    def _compare(self, whole: Whole) -> None:
        """With a reader that had read as far: its word holds, since its counts are read."""
        log = Position(*whole.head["accepted"]["log"])
        theirs = {(t, n): Position(i, at) for t, n, i, at in whole.head["accepted"]["positions"]}
        for at, mine in self._trail:
            if at == log and any(theirs.get(p, held) != held for p, held in mine.items()):
                self._give_way(f"{whole.sender} is elsewhere")

    def _where(self) -> dict[Partition, Position]:
        """How far the log says that its partitions are counted."""
        positions = self._accepted.positions
        return {place: positions[place] for place in self._held if place in positions}

    def _give_way(self, why: str) -> None:
        SAID.warning("beginning again: %s", why)
        self.is_overtaken = True

    def _bury(self, message: Message, broken: BrokenBatch) -> None:
        self._tallies.note_broken(message.topic)
        SAID.warning("broken message at %s: %s", broken.place, broken.reason)
        headers = {**message.headers, "reason": broken.reason, "place": broken.place}
        self._ports.writer.send(
            message.topic + DEAD_LETTER_SUFFIX, message.value, headers=headers, key=message.key
        )


def begin(
    settings: Settings, index: int, count: int, end: Position, ports: WorkerPorts
) -> TallyWorker:
    """A worker that goes on where the log, which ends at ``end``, says."""
    state = read_log_state(settings.service, end, ports.open_reader)
    return TallyWorker(settings, index, count, state, ports)


def _models_batch(settings: Settings, state: LogState) -> TelemetryBatch:
    return TelemetryBatch(MODEL, 0, "", 0, settings.service, "", SCHEMA_VERSION, state.models)


def _next_due_s(now_s: float) -> float:
    return math.floor(now_s - PUBLISH_AFTER_S) + 1 + PUBLISH_AFTER_S

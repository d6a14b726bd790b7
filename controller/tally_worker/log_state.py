"""From where a worker goes on: the newest word of a reader in the tally log, and what came after.

Whatever is missed here can only make the worker start too early; what it counts then is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from controller.ports import BusReader, Message, Partition, Position
from controller.telemetry.accepted import Accepted
from controller.telemetry.schema import HEADER_SERVICE
from controller.telemetry.tally_log import ACCEPTED, LOG, Joining, NotATallyMessage, Whole

TAIL_MESSAGES = 1_000
"""Looked through for a reader's word, which comes every 10 s; all of the log if there is none."""
READ_CAP_S = 30.0
POLL_MESSAGES = 500


class OpenReader(Protocol):
    def __call__(
        self, partitions: Sequence[Partition], positions: Mapping[Partition, Position]
    ) -> BusReader: ...


@dataclass(slots=True)
class LogState:
    """The fold of the log up to its end, and what a reader knew of models."""

    accepted: Accepted
    models: pa.RecordBatch | None = None
    models_read: dict[Partition, Position] = field(default_factory=dict)


def read_log_state(service: str, end: Position, open_reader: OpenReader) -> LogState:
    """Read the log up to ``end``."""
    tail = Position(end.topic_id, max(0, end.offset - TAIL_MESSAGES))
    told = _newest_word(service, tail, end, open_reader)
    if told is None and tail.offset:
        told = _newest_word(service, Position(end.topic_id, 0), end, open_reader)
    state = LogState(Accepted(service)) if told is None else _state_of(service, told)
    start = state.accepted.log if told is not None else Position(end.topic_id, 0)

    def fold(message: Message) -> None:
        try:
            state.accepted.take(message)
        except NotATallyMessage:
            return  # whoever reads the tallies counts and says it

    _read(start, end, open_reader, fold)
    return state


def _newest_word(
    service: str, start: Position, end: Position, open_reader: OpenReader
) -> Whole | None:
    joining, found = Joining(), list[Whole]()

    def look(message: Message) -> None:
        if message.headers.get("kind") != ACCEPTED:
            return
        try:
            whole = joining.take(message)
        except NotATallyMessage:
            return
        if whole is not None and message.headers.get(HEADER_SERVICE) == service:
            found[:] = [whole]

    _read(start, end, open_reader, look)
    return found[0] if found else None


def _state_of(service: str, told: Whole) -> LogState:
    state = LogState(Accepted(service))
    state.accepted.fill(told.head["accepted"])
    if told.blob:
        (state.models,) = list(pa.ipc.open_stream(told.blob))
    state.models_read = {
        (topic, number): Position(topic_id, offset)
        for topic, number, topic_id, offset in told.head["models_read"]
    }
    return state


def _read(
    start: Position, end: Position, open_reader: OpenReader, use: Callable[[Message], None]
) -> None:
    if start.topic_id == end.topic_id and start.offset >= end.offset:
        return
    reader = open_reader([LOG], {LOG: start})
    give_up_s = time.monotonic() + READ_CAP_S
    try:
        while reader.positions()[LOG].offset < end.offset and time.monotonic() < give_up_s:
            for message in reader.poll(0.2, POLL_MESSAGES):
                use(message)
    finally:
        reader.close()

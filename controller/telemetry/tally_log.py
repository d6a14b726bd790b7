"""Messages of the tally log: what workers counted, and what a reader took of it.

One topic, one partition: its order decides what counts. A message larger than a broker takes goes
in parts. Knows nothing of what is counted.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.ports import Message, Partition, Position
from controller.telemetry.schema import HEADER_SERVICE, TALLY

LOG: Partition = (TALLY, 0)
PART_BYTES = 900_000
"""Brokers take 1 MiB by default."""
DELTA = "delta"
ACCEPTED = "accepted"
TallyMessage = Message
"""A bus message of the log, by this name for those who must not know the bus."""
_LENGTH = struct.Struct(">I")


class NotATallyMessage(Exception):
    """Why a message of the log cannot be read."""


@dataclass(frozen=True, slots=True)
class Moved:
    """From where to where one partition of telemetry was counted: half-open."""

    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Delta:
    """What one worker counted of its partitions since its last one.

    ``through_s``: the worker's clock when it was made. ``ledgers`` and ``gaps`` are by partition
    number and by place: which batches were seen up to here, and how many are missing.
    """

    sender: str
    seq: int
    through_s: float
    moved: Mapping[Partition, Moved]
    ledgers: Mapping[int, bytes]
    gaps: Mapping[Partition, int]
    counts: bytes


@dataclass(frozen=True, slots=True)
class Whole:
    """A message put together again."""

    kind: str
    sender: str
    seq: int
    head: Mapping[str, Any]
    blob: bytes


def encode(
    kind: str, service: str, sender: str, seq: int, head: Mapping[str, Any], blob: bytes
) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Value and headers of each part, in order."""
    text = json.dumps(head, separators=(",", ":")).encode()
    whole = _LENGTH.pack(len(text)) + text + blob
    count = -(-len(whole) // PART_BYTES)
    for part in range(count):
        headers = {
            "kind": kind,
            "sender": sender,
            "seq": str(seq),
            "part": str(part),
            "parts": str(count),
            HEADER_SERVICE: service,
        }
        yield whole[part * PART_BYTES : (part + 1) * PART_BYTES], headers


def encode_delta(service: str, delta: Delta) -> Iterator[tuple[bytes, dict[str, str]]]:
    """A delta as messages; see `encode`."""
    head = {
        "through_s": delta.through_s,
        "moved": [
            [*place, moved.start.topic_id, moved.start.offset, moved.end.topic_id, moved.end.offset]
            for place, moved in delta.moved.items()
        ],
        "ledgers": {str(number): text.decode() for number, text in delta.ledgers.items()},
        "gaps": [[*place, count] for place, count in delta.gaps.items()],
    }
    return encode(DELTA, service, delta.sender, delta.seq, head, delta.counts)


def delta_of(whole: Whole) -> Delta:
    """Raise NotATallyMessage when its head is not a delta's."""
    try:
        head = whole.head
        return Delta(
            whole.sender,
            whole.seq,
            float(head["through_s"]),
            {
                (topic, int(number)): Moved(Position(a, int(x)), Position(b, int(y)))
                for topic, number, a, x, b, y in head["moved"]
            },
            {int(number): text.encode() for number, text in head["ledgers"].items()},
            {(topic, int(number)): int(count) for topic, number, count in head["gaps"]},
            whole.blob,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotATallyMessage(f"not a delta: {error}") from error


class Joining:
    """Puts parts together. A sender that begins anew, or is heard out of turn, starts over."""

    def __init__(self) -> None:
        self.parts: dict[str, list[bytes]] = {}
        """By sender: what came of a message that is not whole yet."""

    def take(self, message: Message) -> Whole | None:
        """The message that this one completes. Raise NotATallyMessage."""
        headers = message.headers
        try:
            kind, sender = headers["kind"], headers["sender"]
            seq, part, parts = (int(headers[name]) for name in ("seq", "part", "parts"))
        except (KeyError, ValueError) as error:
            raise NotATallyMessage(f"headers are not of this log: {error}") from error
        held = self.parts.pop(sender, []) if part else []
        if len(held) != part:
            return None
        held.append(message.value)
        if part + 1 < parts:
            self.parts[sender] = held
            return None
        return _opened(kind, sender, seq, b"".join(held))


def _opened(kind: str, sender: str, seq: int, value: bytes) -> Whole:
    try:
        (size,) = _LENGTH.unpack_from(value)
        head = json.loads(value[_LENGTH.size : _LENGTH.size + size])
        if not isinstance(head, dict):
            raise ValueError("its head is no object")
    except (struct.error, ValueError) as error:
        raise NotATallyMessage(f"cannot be read: {error}") from error
    return Whole(kind, sender, seq, head, value[_LENGTH.size + size :])

"""Which deltas of the tally log count: everybody who reads the log in order decides alike.

A delta counts when each of its partitions starts exactly where the last one that counted ended, as
a compare-and-swap. So a worker that was thought dead, a message sent twice, or two workers on one
partition count nothing twice; and nothing is skipped.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any

from controller.ports import Message, Partition, Position
from controller.telemetry.schema import HEADER_SERVICE
from controller.telemetry.tally_log import DELTA, Delta, Joining, Whole, delta_of

SAID = logging.getLogger(__name__)


class Accepted:
    """The fold of the log. ``positions`` is how far each partition of telemetry is counted."""

    def __init__(self, service: str) -> None:
        self.positions: dict[Partition, Position] = {}
        self.through_s: dict[int, float] = {}
        """By partition number: the clock of the worker that last counted it."""
        self.ledgers: dict[int, bytes] = {}
        self.gaps: dict[Partition, int] = {}
        self.log = Position("", 0)
        """What of the log is read."""
        self.refused = 0
        self._service = service
        self._joining = Joining()
        self._loose: set[Partition] = set()
        """Where the log itself lost what came next, so that a gap cannot be told from it."""

    def take(self, message: Message) -> tuple[Whole | None, Delta | None]:
        """What the message completes, and the same as a delta if that one counts.

        Raise NotATallyMessage; the message then is passed over.
        """
        self._note_place(message)
        if message.headers.get(HEADER_SERVICE) not in ("", self._service):
            return None, None
        whole = self._joining.take(message)
        if whole is None or whole.kind != DELTA:
            return whole, None
        delta = delta_of(whole)
        if not all(self._continues(place, m.start) for place, m in delta.moved.items()):
            self.refused += 1
            return whole, None
        for place, moved in delta.moved.items():
            self.positions[place] = moved.end
            self._loose.discard(place)
            self.through_s[place[1]] = delta.through_s
        self.ledgers.update(delta.ledgers)
        self.gaps.update(delta.gaps)
        return whole, delta

    def _note_place(self, message: Message) -> None:
        """A log that is another one, or lost its oldest messages, may lack what would have counted.

        What is there then counts from wherever it starts, but never twice.
        """
        is_other = self.log.topic_id not in ("", message.topic_id)
        if is_other or (self.log.topic_id and message.offset > self.log.offset):
            SAID.warning("the tally log lost messages before offset %d", message.offset)
            self._loose = set(self.positions)
            self._joining = Joining()
        self.log = Position(message.topic_id, message.offset + 1)

    def _continues(self, place: Partition, start: Position) -> bool:
        held = self.positions.get(place)
        if held is None or held == start:
            return True
        if place not in self._loose:
            return False
        return start.topic_id != held.topic_id or start.offset > held.offset

    def snapshot(self) -> bytes:
        """Everything, as JSON."""
        return json.dumps(self.document(), separators=(",", ":")).encode()

    def document(self) -> dict[str, Any]:
        """Everything, as what JSON can hold."""
        parts = {
            sender: [base64.b64encode(part).decode() for part in held]
            for sender, held in self._joining.parts.items()
        }
        return {
            "log": [self.log.topic_id, self.log.offset],
            "positions": [[*p, at.topic_id, at.offset] for p, at in self.positions.items()],
            "through_s": [[number, at_s] for number, at_s in self.through_s.items()],
            "ledgers": {str(number): text.decode() for number, text in self.ledgers.items()},
            "gaps": [[*place, count] for place, count in self.gaps.items()],
            "loose": [list(place) for place in self._loose],
            "parts": parts,
        }

    def restore(self, data: bytes) -> None:
        """Become what was snapshotted. Raise ValueError when ``data`` is not a snapshot."""
        try:
            self.fill(json.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a snapshot of accepted tallies: {error}") from error

    def fill(self, document: Mapping[str, Any]) -> None:
        """Become what a document says. Raise KeyError, TypeError or ValueError."""
        positions = {(t, int(p)): Position(i, int(at)) for t, p, i, at in document["positions"]}
        log = Position(*document["log"])
        through_s = {int(number): float(at_s) for number, at_s in document["through_s"]}
        ledgers = {int(number): text.encode() for number, text in document["ledgers"].items()}
        gaps = {(topic, int(number)): int(n) for topic, number, n in document["gaps"]}
        loose = {(str(topic), int(number)) for topic, number in document["loose"]}
        parts = {
            sender: [base64.b64decode(part) for part in held]
            for sender, held in document["parts"].items()
        }
        self.positions, self.log, self.through_s = positions, log, through_s
        self.ledgers, self.gaps, self._loose = ledgers, gaps, loose
        self._joining.parts = parts

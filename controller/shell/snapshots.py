"""What the controller learnt from the bus, kept on disk: monitors, positions, dedupe state.

The three belong together: positions say from where to read on into these monitors. A snapshot
that cannot be used (another release, torn, foreign) is said and passed over: starting cold gives
`insufficient`, never wrong numbers.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from controller.atomic_file import write_atomically
from controller.ports import Partition, Position

LOG = logging.getLogger(__name__)
FORMAT = 1
FILE = "monitors.json"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """At a time. ``monitors`` and ``ledger`` are opaque bytes of their owners."""

    at_s: float
    positions: Mapping[Partition, Position]
    monitors: bytes
    ledger: bytes


class SnapshotKeeper(Protocol):
    """Where snapshots go. ``failed`` counts writes that did not happen.

    Without ``keeps`` none need be taken: taking one costs more than a tick.
    """

    keeps: bool
    failed: int

    def save(self, snapshot: Snapshot) -> bool:
        """False when it was not kept; an older one then stays."""

    def load(self) -> Snapshot | None:
        """The last one, or None when there is none that can be read."""


class NoSnapshots(SnapshotKeeper):
    """For runs in which nothing ever starts again."""

    keeps = False

    def __init__(self) -> None:
        self.failed = 0

    def save(self, snapshot: Snapshot) -> bool:  # noqa: ARG002
        return True

    def load(self) -> Snapshot | None:
        return None


class MemorySnapshots(SnapshotKeeper):
    """Keeps the last one in memory, for crashes that are simulated."""

    keeps = True

    def __init__(self) -> None:
        self.failed = 0
        self._last: Snapshot | None = None

    def save(self, snapshot: Snapshot) -> bool:
        self._last = snapshot
        return True

    def load(self) -> Snapshot | None:
        return self._last


class Snapshots(SnapshotKeeper):
    """One file in ``folder``, replaced whole."""

    keeps = True

    def __init__(self, folder: Path) -> None:
        self.failed = 0
        self._path = folder / FILE

    def save(self, snapshot: Snapshot) -> bool:
        """False when the disk refused; the last snapshot then stays."""
        document = {
            "format": FORMAT,
            "at_s": snapshot.at_s,
            "positions": [
                [topic, partition, position.topic_id, position.offset]
                for (topic, partition), position in sorted(snapshot.positions.items())
            ],
            "monitors": base64.b64encode(snapshot.monitors).decode(),
            "ledger": base64.b64encode(snapshot.ledger).decode(),
        }
        try:
            write_atomically(self._path, json.dumps(document).encode())
        except OSError as error:
            self.failed += 1
            LOG.error("snapshot not written: %s", error)
            return False
        return True

    def load(self) -> Snapshot | None:
        """The last one, or None when there is none that can be read."""
        try:
            document = json.loads(self._path.read_bytes())
            if document["format"] != FORMAT:
                raise ValueError(f"format {document['format']!r} is not {FORMAT}")
            return Snapshot(
                document["at_s"],
                {
                    (topic, partition): Position(topic_id, offset)
                    for topic, partition, topic_id, offset in document["positions"]
                },
                base64.b64decode(document["monitors"]),
                base64.b64decode(document["ledger"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            LOG.warning("%s: passed over, starting cold: %s", self._path, error)
            return None


class Restorable(Protocol):
    def restore(self, data: bytes) -> None:
        """Raise ValueError when it is not a snapshot of this release."""


def resume(
    snapshot: Snapshot | None, monitors: Restorable, ledger: Restorable
) -> Mapping[Partition, Position]:
    """Put a snapshot's content back; the positions to read on from (empty: from the start)."""
    if snapshot is None:
        return {}
    try:
        monitors.restore(snapshot.monitors)
        ledger.restore(snapshot.ledger)
    except ValueError as error:
        LOG.warning("the snapshot is passed over, starting cold: %s", error)
        return {}
    return snapshot.positions

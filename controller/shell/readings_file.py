"""The newest readings as a file beside the controller, for `selfright status`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from controller.atomic_file import write_atomically
from controller.core.readings import Readings
from controller.errors import BadInput

FILE = Path("run") / "readings.json"


class ReadingsSink(Protocol):
    """Where the newest readings go after each tick. ``failed`` counts writes that did not happen.

    A copy must be made now: readings nobody asked for yet cannot be asked for later.
    """

    failed: int

    def write(self, at_s: float, readings: Readings, about: Mapping[str, Any]) -> None:
        """``about`` says who writes and whether it leads."""


class NoReadingsFile(ReadingsSink):
    """For simulations and tests: nobody looks."""

    def __init__(self) -> None:
        self.failed = 0

    def write(self, at_s: float, readings: Readings, about: Mapping[str, Any]) -> None:
        """Nothing is kept."""


class ReadingsFile(ReadingsSink):
    """Rewritten whole each tick. A folder that cannot be written is counted, not fatal."""

    def __init__(self, data_dir: Path) -> None:
        self.failed = 0
        self._path = data_dir / FILE

    def write(self, at_s: float, readings: Readings, about: Mapping[str, Any]) -> None:
        document = {
            **about,
            "at_s": at_s,
            "readings": [
                {
                    "signal": str(key),
                    "value": reading.value,
                    "state": reading.state.value,
                    "sample_size": reading.sample_size,
                    "note": reading.note,
                }
                for key, reading in sorted(readings.items())
            ],
        }
        try:
            write_atomically(self._path, json.dumps(document).encode(), durable=False)
        except OSError:
            self.failed += 1


def read_readings(data_dir: Path) -> dict[str, Any] | None:
    """What the controller wrote last; None when it wrote nothing yet."""
    path = data_dir / FILE
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot be read: {error}", file=str(path)) from None
    return document

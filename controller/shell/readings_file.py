"""The newest readings as a file beside the controller, for `selfright status`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any, Protocol

from controller.atomic_file import write_atomically
from controller.core.readings import Reading, Readings, SignalKey
from controller.errors import BadInput
from controller.shell.each_reading import EachReading

FILE = Path("run") / "readings.json"
_KINDS: dict[type, str] = {str: "text", bool: "true or false"}


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
        self._texts = EachReading(_text)

    def write(self, at_s: float, readings: Readings, about: Mapping[str, Any]) -> None:
        head = json.dumps({**about, "at_s": at_s, "readings": []}).removesuffix("]}")
        text = head + ", ".join(self._texts.of(readings)) + "]}"
        try:
            write_atomically(self._path, text.encode(), durable=False)
        except OSError:
            self.failed += 1


def _text(key: SignalKey, reading: Reading) -> str:
    """As `json.dumps` writes it, in a fifth of the time."""
    return (
        f'{{"signal": {_name(key)}, "value": {_number(reading.value)}, '
        f'"state": "{reading.state.value}", "sample_size": {reading.sample_size}, '
        f'"note": {quoted(reading.note)}}}'
    )


@lru_cache(maxsize=20_000)
def _name(key: SignalKey) -> str:
    return quoted(str(key))


def _number(value: float | None) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return float.__repr__(value)
    return json.dumps(value)


def read_readings(data_dir: Path) -> dict[str, Any] | None:
    """What the controller wrote last; None when it wrote nothing yet. Raise BadInput for a file
    that cannot be read, or that no controller has written so."""
    path = data_dir / FILE
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"cannot be read: {error}", file=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise _damaged(f"it is no JSON text ({error})", path) from None
    if not isinstance(document, dict):
        raise _damaged("it holds no mapping", path)
    if not _is_number(document.get("at_s")) or not math.isfinite(document["at_s"]):
        raise _damaged("it is no finite number", path, "at_s")
    for field, kind in (("role", str), ("standing", str), ("pages", bool)):
        if not isinstance(document.get(field), kind):
            raise _damaged(f"it is no {_KINDS[kind]}", path, field)
    if not isinstance(document.get("playbooks_refused", ""), str):
        raise _damaged("it is no text", path, "playbooks_refused")
    readings = document.get("readings")
    if not isinstance(readings, list):
        raise _damaged("it is no list", path, "readings")
    for at, reading in enumerate(readings):
        if not _is_reading(reading):
            raise _damaged("it is no reading", path, f"readings.{at}")
    return document


def _is_reading(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("signal"), str)
        and isinstance(found.get("state"), str)
        and isinstance(found.get("note"), str)
        and _is_number(found.get("sample_size"))
        and "value" in found
        and (found["value"] is None or _is_number(found["value"]))
    )


def _is_number(found: Any) -> bool:
    """A float, or an integer that fits one."""
    if isinstance(found, int) and not isinstance(found, bool):
        return abs(found) < 1 << 1_023
    return isinstance(found, float)


def _damaged(what: str, path: Path, field: str = "") -> BadInput:
    remedy = "accepted: what a running controller writes; it writes it anew each second"
    return BadInput(f"the readings file is damaged: {what}; {remedy}", file=str(path), field=field)

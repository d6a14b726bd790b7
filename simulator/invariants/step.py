"""What an outsider sees of a run after one step, and what it means to break a truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.readings import Reading, SignalKey


@dataclass(frozen=True, slots=True)
class Requests:
    """Of users, since the start. ``written``: served rows put on the bus, or lost by a fault."""

    arrived: int
    answered: int
    in_flight: int
    written: int


@dataclass(frozen=True, slots=True)
class Step:
    """``plan`` and ``head`` as the store has them now; ``new_records`` are the sealed lines since
    the last step; ``routers`` what each holds: (epoch, revision, head)."""

    at_s: float
    plan: bytes | None
    head: str
    new_records: tuple[bytes, ...]
    readings: Mapping[SignalKey, Reading]
    requests: Requests
    routers: tuple[tuple[int, int, str], ...]
    faults_on: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that did not hold, when, and how."""

    invariant: str
    at_s: float
    sentence: str

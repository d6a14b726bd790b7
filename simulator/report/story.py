"""What a timeline shows, prepared: seconds since the start, and no more points than are seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.report.evidence import Evidence
from simulator.report.exchanges import Exchanges
from simulator.report.watched import series
from simulator.report.windows import Windows

POINTS = 360
"""About so many windows, and so many points of a signal, over the width of a picture."""
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
SHORTENED = 70


class Told(Protocol):
    """One expectation, judged."""

    @property
    def met(self) -> bool: ...
    @property
    def sentence(self) -> str: ...


class Breach(Protocol):
    """One invariant that did not hold."""

    @property
    def invariant(self) -> str: ...
    @property
    def at_s(self) -> float: ...
    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Story:
    """A run with its name, in either world. ``seed`` None: the command says it."""

    name: str
    why: str
    command: str
    evidence: Evidence
    seed: int | None = None
    judged: Sequence[Told] = ()
    broken: Sequence[Breach] = ()

    @property
    def duration_s(self) -> float:
        return self.evidence.ended_at_s - self.evidence.started_at_s


@dataclass(frozen=True, slots=True)
class Action:
    """One public change, numbered in order of time. ``at_s`` counts from the start of the run."""

    number: int
    at_s: float
    playbook: str
    text: str


def actions(evidence: Evidence) -> list[Action]:
    """Every enforced record in which a playbook acted."""
    acted = [r for r in evidence.decisions if r["phase"] == "acting" and r.get("enforced", True)]
    return [
        Action(
            number,
            evidence.public_at_s(record) - evidence.started_at_s,
            record.get("playbook") or "",
            _move(record),
        )
        for number, record in enumerate(acted, start=1)
    ]


def shown_windows(evidence: Evidence) -> Windows:
    """Narrow enough to see, wide enough to count: about `POINTS` over the run."""
    duration_s = evidence.ended_at_s - evidence.started_at_s
    width_s = next((w for w in WIDTHS_S if duration_s / w <= POINTS), WIDTHS_S[-1])
    known = evidence.exchanges
    if isinstance(known, Exchanges):
        return Windows.of(known, float(width_s), evidence.started_at_s)
    if isinstance(known, Windows):
        return known.coarser(round(width_s / known.width_s))
    raise TypeError(f"a picture needs Exchanges or Windows, not {type(known).__name__}")


def curve(
    evidence: Evidence, signal: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """(seconds, value) of a signal's ok readings; a long one shows the worst of each span."""
    found = series(evidence, signal)
    if found is None or not len(found.at_s):
        return None
    at_s, value = found.at_s - evidence.started_at_s, found.value
    if len(at_s) > 4 * POINTS:
        cuts = np.arange(0, len(at_s), -(-len(at_s) // (2 * POINTS)))
        at_s, value = at_s[cuts], np.maximum.reduceat(value, cuts)
    steps_s = np.diff(at_s)
    usual_s = float(np.median(steps_s)) if len(steps_s) else 0.0
    gaps = np.flatnonzero(steps_s > 5 * usual_s) + 1
    return np.insert(at_s, gaps, np.nan), np.insert(value, gaps, np.nan)


def _move(record: Mapping[str, Any]) -> str:
    moves = (record.get("details") or {}).get("moves") or [record["sentence"]]
    text = " and ".join(str(move) for move in moves)
    return text if len(text) <= SHORTENED else text[: SHORTENED - 1] + "…"

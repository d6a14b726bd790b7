"""Two histories of the same facts, set side by side: what was decided, and what would have been.

Only what a judge decides is compared. What the world said of it (adopted, passed, worked) is
unknown for decisions that were never carried out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

DECISIONS = frozenset(
    {
        *("opened", "acting", "joined", "asked", "suggested", "shadowed", "blocked", "no_data"),
        *("returning", "recovered", "escalated", "expired", "frozen", "thawed", "reminded"),
    }
)
"""Phases of records that a judge reaches by itself."""
_DONE = {
    "routes": "rerouted",
    "retrains": "retrained",
    "warms": "warmed a cache",
    "keeps": "changed how long slates are cached",
    "scales": "scaled",
    "sheds": "shed requests",
    "freezes": "frozen",
    "notifies": "notified",
    "calls": "called a webhook",
    "asks": "asked a person",
}
_SAID = {"suggested": "suggested to act", "shadowed": "acted (shadow)", "blocked": "been refused"}
_PAST = {"been refused": "was refused", "frozen": "froze"}
_TIMES = ("never", "once", "twice")
_ID_TAIL = re.compile(r"-\d{9,}-\d+\b")


@dataclass(frozen=True, slots=True)
class Line:
    """``side``: ``-`` decided only in fact, ``+`` only under the other playbooks, else a blank."""

    side: Literal["-", "+", " "]
    at_s: float
    playbook: str
    incident: str
    phase: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Count:
    """How often a playbook took an action of one kind: in fact, and under the other playbooks."""

    playbook: str
    done: str
    did: int
    would: int

    @property
    def sentence(self) -> str:
        """``slow-primary: would have rerouted 3 times, did once``"""
        did = f"did {_times(self.did)}" if self.did else "never did"
        if self.done in _PAST:
            did = f"{_PAST[self.done]} {_times(self.did)}"
        would = (
            f"have {self.done} {_times(self.would)}" if self.would else f"never have {self.done}"
        )
        return f"{self.playbook}: would {would}, {did}"


@dataclass(frozen=True, slots=True)
class Contrast:
    """``lines`` of one incident stand together, incidents in the order in which they began."""

    counts: tuple[Count, ...]
    lines: tuple[Line, ...]

    @property
    def differs(self) -> bool:
        return any(line.side != " " for line in self.lines)


def contrast(did: Sequence[Mapping[str, Any]], would: Sequence[Mapping[str, Any]]) -> Contrast:
    """Record documents of both histories, each in order."""
    ours, theirs = _lines(did, "-"), _lines(would, "+")
    left = Counter(map(_what, theirs))
    merged = []
    for line in ours:
        is_shared = left[_what(line)] > 0
        left[_what(line)] -= is_shared
        merged.append(_on(line, " ") if is_shared else line)
    shared = Counter(_what(line) for line in merged if line.side == " ")
    for line in theirs:
        if shared[_what(line)] > 0:
            shared[_what(line)] -= 1
        else:
            merged.append(line)
    return Contrast(_counts(did, would), tuple(_by_incident(merged)))


def done_by(document: Mapping[str, Any]) -> list[str]:
    """The kinds of action a record stands for, each once; mostly none."""
    phase = document["phase"]
    if phase == "acting":
        verbs = [move.partition(" ")[0] for move in document["details"].get("moves", [])]
        return list(dict.fromkeys(_DONE.get(verb, verb) for verb in verbs))
    return [_SAID[phase]] if phase in _SAID else []


def line_of(document: Mapping[str, Any], side: Literal["-", "+"]) -> Line | None:
    """A record as a line of the timeline; None when no judge decided it by itself."""
    if document["phase"] not in DECISIONS:
        return None
    return Line(
        side,
        float(document["at_s"]),
        str(document["playbook"] or ""),
        str(document["incident"] or ""),
        str(document["phase"]),
        _ID_TAIL.sub("", str(document["sentence"])),
    )


def _lines(documents: Sequence[Mapping[str, Any]], side: Literal["-", "+"]) -> list[Line]:
    found = (line_of(document, side) for document in documents)
    return [line for line in found if line is not None]


def _what(line: Line) -> tuple[float, str, str, str]:
    """What can agree between two histories: ids and hashes cannot."""
    return line.at_s, line.playbook, line.phase, line.sentence


def _on(line: Line, side: Literal["-", "+", " "]) -> Line:
    return Line(side, line.at_s, line.playbook, line.incident, line.phase, line.sentence)


def _by_incident(lines: Sequence[Line]) -> list[Line]:
    """An incident is one story, and the same in both histories when it opened at the same time.

    What belongs to none (a refusal) stands at its own time.
    """
    began: dict[str, float] = {}
    for line in lines:
        began[line.incident] = min(line.at_s, began.get(line.incident, line.at_s))

    def place(line: Line) -> tuple[float, str, float]:
        if not line.incident:
            return line.at_s, line.playbook, line.at_s
        return began[line.incident], _ID_TAIL.sub("", line.incident), line.at_s

    return sorted(lines, key=place)


def _counts(
    did: Sequence[Mapping[str, Any]], would: Sequence[Mapping[str, Any]]
) -> tuple[Count, ...]:
    ours, theirs = _tally(did), _tally(would)
    return tuple(Count(*key, ours[key], theirs[key]) for key in sorted(ours.keys() | theirs.keys()))


def _tally(documents: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter(
        (str(document["playbook"] or "nobody"), done)
        for document in documents
        for done in done_by(document)
    )


def _times(count: int) -> str:
    return _TIMES[count] if count < len(_TIMES) else f"{count} times"

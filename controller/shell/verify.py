"""Is a decision log whole? Finds what was changed, removed, reordered or cut off, and names it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from controller.ports import GENESIS
from controller.shell.canonical import canonical_bytes
from controller.shell.seal import HASH, PREV_HASH, hash_of, unsealed


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first thing wrong. ``position`` counts from 1; ``record`` is the id it concerns."""

    kind: str
    record: str
    position: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``checked`` records are sound, up to ``head``; ``flaw`` is None when all of them are."""

    checked: int
    head: str
    flaw: Flaw | None

    @property
    def is_whole(self) -> bool:
        return self.flaw is None


def verify(lines: Iterable[bytes], head: str | None, *, first_prev: str = GENESIS) -> Verdict:
    """Check a log, oldest first, against the head that the published plan carries.

    ``head`` None: nothing to compare the end with, so a cut-off end cannot be noticed.
    ``first_prev``: what the first line must follow; a log trimmed by retention starts later.
    """
    at, last_id = first_prev, ""
    seen: dict[str, str] = {}
    checked = 0
    for checked, line in enumerate(lines, start=1):
        flaw, document = _read(line, checked, last_id)
        if flaw is None:
            flaw = _link(document, at, checked, last_id, seen)
        if flaw is not None:
            return Verdict(checked - 1, at, flaw)
        at, last_id = document[HASH], str(document.get("id", "?"))
        seen[at] = last_id
    return Verdict(checked, at, _end(at, head, checked, last_id, seen))


def _read(line: bytes, position: int, last_id: str) -> tuple[Flaw | None, dict[str, Any]]:
    where = f"line {position}, after {last_id}" if last_id else f"line {position}"
    try:
        document = unsealed(line)
        is_intact = document.get(HASH) == hash_of(document) and canonical_bytes(document) == line
    except (ValueError, RecursionError) as error:
        return Flaw("unreadable", where, position, f"{where} is not a record: {error}"), {}
    record = str(document.get("id", where))
    if not is_intact:
        sentence = f"record {record} ({where}) was changed: its content does not give its hash"
        return Flaw("changed", record, position, sentence), document
    return None, document


def _link(
    document: dict[str, Any], at: str, position: int, last_id: str, seen: dict[str, str]
) -> Flaw | None:
    if document.get(PREV_HASH) == at:
        return None
    record = str(document.get("id", "?"))
    if document[HASH] in seen or document.get(PREV_HASH) in {GENESIS, *seen}:
        sentence = f"record {record} (line {position}) is out of order or repeated"
        return Flaw("out of order", record, position, sentence)
    place = f"after {last_id}" if last_id else "at the start"
    sentence = (
        f"record {record} (line {position}) does not follow: "
        f"at least one record {place} was removed or moved"
    )
    return Flaw("removed", record, position, sentence)


def _end(
    at: str, head: str | None, checked: int, last_id: str, seen: dict[str, str]
) -> Flaw | None:
    if head is None or head == at:
        return None
    if head in seen:
        sentence = (
            f"the plan was published by record {seen[head]}, "
            f"yet the log goes on to {last_id}: the plan is older than the log"
        )
        return Flaw("plan behind", seen[head], checked, sentence)
    place = f"after record {last_id}" if last_id else "from the start"
    sentence = (
        f"the end of the log is cut off {place}: "
        f"the plan names head {head[:12]}, the log ends at {at[:12]}"
    )
    return Flaw("cut off", last_id, checked, sentence)

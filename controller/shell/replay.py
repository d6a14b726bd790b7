"""Journals to decision log: the same facts through the same `step` give the same bytes.

What a step decided counts when its commit was published: the next fate says so, or some later
`Elected` names its head (the reply was lost, yet the store had taken it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.core.facts import Elected, Fact, Fate
from controller.core.records import record_to_document
from controller.core.state import state_from_document
from controller.core.step import step
from controller.shell.fact_rows import from_row
from controller.shell.seal import HASH, Sealed, seal, unsealed
from controller.shell.segment import Segment


@dataclass(frozen=True, slots=True)
class Derived:
    """The lines that journals account for, in chain order per segment, oldest segment first.

    ``uncertain``: decided, but these journals do not know whether the store took them.
    """

    lines: tuple[bytes, ...]
    uncertain: tuple[bytes, ...]
    epochs: frozenset[int]
    facts: int


@dataclass(frozen=True, slots=True)
class Difference:
    """``kind``: ``differs``, ``not recorded`` (derived only) or ``not derived`` (recorded only)."""

    kind: str
    record: str
    recorded: bytes | None
    derived: bytes | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``equal`` records agree byte for byte. ``missing_epochs`` have no journal here."""

    equal: int
    differences: tuple[Difference, ...]
    missing_epochs: tuple[int, ...]


def replay(segments: Sequence[Segment]) -> Derived:
    """Derive the records of all segments (of one or several controllers)."""
    facts = [[from_row(row) for row in segment.rows] for segment in segments]
    named = frozenset(f.head for each in facts for f in each if isinstance(f, Elected))
    lines: list[bytes] = []
    uncertain: list[bytes] = []
    epochs: set[int] = set()
    for segment, each in zip(segments, facts, strict=True):
        took, open_ended = _replay_segment(segment, each, named)
        lines += took
        uncertain += open_ended
        epochs |= {int(segment.header["epoch"])}
    return Derived(tuple(lines), tuple(uncertain), frozenset(epochs), sum(map(len, facts)))


def compare(derived: Derived, recorded: Iterable[bytes]) -> Comparison:
    """Set the derived records against the log, epoch by epoch."""
    by_hash = {unsealed(line)[HASH]: line for line in derived.uncertain}
    ours = {unsealed(line)["id"]: line for line in derived.lines}
    theirs: dict[str, bytes] = {}
    missing: set[int] = set()
    for line in recorded:
        document = unsealed(line)
        if document["epoch"] not in derived.epochs:
            missing.add(document["epoch"])
            continue
        theirs[document["id"]] = line
        if document[HASH] in by_hash:  # the log itself says that the store had taken it
            ours[document["id"]] = by_hash[document[HASH]]
    differences = [
        Difference(
            _kind(theirs.get(record), ours.get(record)),
            record,
            theirs.get(record),
            ours.get(record),
        )
        for record in dict.fromkeys([*theirs, *ours])
        if theirs.get(record) != ours.get(record)
    ]
    equal = sum(theirs[record] == ours.get(record) for record in theirs)
    return Comparison(equal, tuple(differences), tuple(sorted(missing)))


def _kind(recorded: bytes | None, derived: bytes | None) -> str:
    if recorded is None:
        return "not recorded"
    return "not derived" if derived is None else "differs"


def _replay_segment(
    segment: Segment, facts: Sequence[Fact], named: frozenset[str]
) -> tuple[list[bytes], list[bytes]]:
    """(lines that count, lines nobody knows the fate of)."""
    header: Mapping[str, object] = segment.header
    state = state_from_document(segment.header["state"])
    head = str(header["head"])
    lines: list[bytes] = []
    pending: Sealed | None = None
    for fact in facts:
        if pending is not None and _counts(fact, pending, named):
            lines += pending.lines
            head = pending.head
        pending = None
        stepped = step(state, fact)
        state = stepped.state
        if stepped.records:
            pending = seal([record_to_document(record) for record in stepped.records], head)
    if pending is None:
        return lines, []
    if pending.head in named:
        return lines + list(pending.lines), []
    return lines, list(pending.lines)


def _counts(fact: Fact, pending: Sealed, named: frozenset[str]) -> bool:
    if isinstance(fact, Fate) and fact.fate in ("published", "not_published"):
        return True
    return pending.head in named

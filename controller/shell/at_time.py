"""What the judge knew at one second: journal up to there, stepped, and its conditions then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.core.all_services import against_first, is_asked
from controller.core.binding import bind
from controller.core.conditions import Evaluation, Truth
from controller.core.draft import Draft
from controller.core.facts import Tick
from controller.core.guards import refusals
from controller.core.observing import IncidentView, observe, places
from controller.core.playbook import Playbook
from controller.core.records import Record
from controller.core.refusal import Refused
from controller.core.state import Incident, JudgeState, state_from_document
from controller.core.step import step
from controller.shell.fact_rows import from_row
from controller.shell.journal import segment_paths
from controller.shell.segment import Segment, read_segment

COVERS_S = 3.0
"""A tick this much before a moment still tells of it; longer without one, nobody judged."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A playbook (and target) without an open incident. ``refused``: guards that stand in the
    way now, whether or not its `when` is met."""

    playbook: Playbook
    target: str | None
    when: Evaluation
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """``at_s`` is the tick's. ``state``: the tick observed, not yet judged. ``records``: decided
    at that tick; empty when nothing was. ``in_flight``: a commit's fate was still awaited."""

    at_s: float
    state: JudgeState
    watched: tuple[Watched, ...]
    open: tuple[tuple[Incident, IncidentView], ...]
    records: tuple[Record, ...]
    in_flight: bool


def covering(sources: Sequence[Path], at_s: float) -> Segment | None:
    """The segment of files or folders that holds a tick of that time. Raise BadInput."""
    for source in sources:
        begun = [path for path in segment_paths([source]) if _begins_s(path) <= at_s]
        # In a folder each ends before the next begins; two may begin in one second.
        for path in reversed(begun[-2:]):
            segment = read_segment(path)
            ticks = [row.at_s for row in segment.rows if row.readings is not None]
            if any(at_s - COVERS_S < tick_s <= at_s for tick_s in ticks):
                return segment
    return None


def moment_at(segment: Segment, at_s: float) -> Moment | None:
    """Step the segment up to a time; None when nobody led then."""
    state = state_from_document(segment.header["state"])
    before, last = state, None
    decided: list[Record] = []
    for row in segment.rows:
        if row.at_s > at_s:
            break
        fact = from_row(row)
        stepped = step(state, fact)
        if isinstance(fact, Tick):
            before, last = state, fact
        decided += stepped.records
        state = stepped.state
    if last is None or before.config is None or not before.leading:
        return None
    return _looked(before, last, tuple(each for each in decided if each.at_s == last.at_s))


def _looked(before: JudgeState, tick: Tick, records: tuple[Record, ...]) -> Moment:
    assert before.config is not None, "who leads has loaded"
    moved, observed = observe(before, before.config, tick)
    draft = Draft(moved, tick.at_s, tick.readings)
    watched = []
    for playbook, target, _ in places(before.config):
        when = observed.watches.get((playbook.name, target))
        if when is None:
            continue
        assumed = when.assumed is Truth.MET and when.truth is not Truth.MET
        bound = bind(playbook, target)
        refused = refusals(draft, bound, target, assumed=assumed)
        if not refused and is_asked(moved, playbook.name, target):
            refused = against_first(draft, bound, target)
        watched.append(Watched(playbook, target, when, refused))
    seen = tuple((each, observed.incidents[each.id]) for each in moved.incidents)
    return Moment(tick.at_s, moved, tuple(watched), seen, records, before.in_flight)


def _begins_s(path: Path) -> float:
    """From the segment's name; a file of another name may begin whenever."""
    digits = path.name.partition("-")[0]
    return float(digits) if digits.isdigit() else float("-inf")

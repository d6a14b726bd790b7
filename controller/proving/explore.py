"""Every way in which at most two things go wrong, one after the other, and get well again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from controller.proving.properties import Fault, faults_of
from controller.proving.run import Moment, Stretch, Subject, begin, follow
from controller.proving.world import Disturbance, disturbances


@dataclass(frozen=True, slots=True)
class Counterexample:
    """How to get there: the stretches in order; the last one breaks the property."""

    fault: Fault
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """``counterexamples``: the shortest of each property and what it is broken for."""

    counterexamples: tuple[Counterexample, ...]
    disturbances: int
    stretches: int
    ticks: int


def prove(subject: Subject, on_progress: Callable[[float], None] = lambda _: None) -> Proof:
    """Explore. ``on_progress`` is called with the share that is done, 0 to 1."""
    wrongs = disturbances(subject.playbooks, subject.cells, subject.settings)
    found: dict[tuple[str, str], Counterexample] = {}
    stretches = ticks = 0
    for path in _paths(subject, wrongs, on_progress):
        stretches += 1
        ticks += path[-1].ticks
        for fault in faults_of(path):
            known = found.get((fault.property, fault.of))
            if known is None or len(path) < len(known.stretches):
                found[fault.property, fault.of] = Counterexample(fault, path)
    ordered = sorted(found.values(), key=lambda each: (len(each.stretches), each.fault.sentence))
    return Proof(tuple(ordered), len(wrongs), stretches, ticks)


def _paths(
    subject: Subject, wrongs: tuple[Disturbance, ...], on_progress: Callable[[float], None]
) -> Iterator[tuple[Stretch, ...]]:
    """Paths whose last stretch is new. What left no trace in the judge is not gone on from."""
    start = begin(subject)
    for place, first in enumerate(wrongs):
        on_progress(place / len(wrongs))
        one = follow(subject, start, frozenset({first}))
        yield (one,)
        if not one.commits:
            continue
        well = follow(subject, one.after, frozenset())
        yield (one, well)
        for second in wrongs:
            if second == first:
                continue
            both = follow(subject, one.after, frozenset({first, second}))
            yield (one, both)
            if both.commits:
                yield from _mended(subject, (one, both), second)


def _mended(
    subject: Subject, path: tuple[Stretch, ...], second: Disturbance
) -> Iterator[tuple[Stretch, ...]]:
    """Both at once, and the first before the second."""
    after: Moment = path[-1].after
    yield (*path, follow(subject, after, frozenset()))
    other = follow(subject, after, frozenset({second}))
    yield (*path, other)
    yield (*path, other, follow(subject, other.after, frozenset()))

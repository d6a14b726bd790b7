"""Requests are conserved: none is lost, none invented, and each that was answered is written."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from simulator.invariants.invariant import End, Invariant
from simulator.invariants.step import Requests, Step

WRITTEN_WITHIN_S = 5.0
"""A row may wait so long in a router's buffer."""


class RequestsAreConserved(Invariant):
    """``arrived == answered + in flight``; written follows answered within 5 s; all only rise."""

    name = "requests-are-conserved"

    def __init__(self) -> None:
        self._last = Requests(0, 0, 0, 0)
        self._unwritten: deque[tuple[float, int]] = deque()
        """(when, answered by then) of steps whose rows were not all written yet."""

    def tick(self, step: Step) -> Iterator[str]:
        now, last = step.requests, self._last
        if now == last and not self._unwritten:
            return
        self._last = now
        if now.arrived != now.answered + now.in_flight:
            yield f"{now.arrived} arrived, {now.answered} answered, {now.in_flight} in flight"
        if now.written > now.answered:
            yield f"{now.written} are written and only {now.answered} answered"
        if now.arrived < last.arrived or now.answered < last.answered or now.written < last.written:
            yield f"counts fell from {last} to {now}"
        yield from self._written(step)

    def finish(self, end: End) -> Iterator[str]:
        now = end.step.requests
        if not now.in_flight and now.written != now.answered:
            yield f"at the end {now.answered} are answered and {now.written} written"

    def _written(self, step: Step) -> Iterator[str]:
        now, waiting = step.requests, self._unwritten
        while waiting and waiting[0][1] <= now.written:
            waiting.popleft()
        if waiting and waiting[0][0] < step.at_s - WRITTEN_WITHIN_S:
            at_s, answered = waiting.popleft()
            yield f"{answered} were answered {step.at_s - at_s:g} s ago, {now.written} are written"
        if now.written < now.answered:
            waiting.append((step.at_s, now.answered))

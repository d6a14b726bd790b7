"""No action on missing data except where the playbook says so.

What a record says it saw must be what the monitors gave at that tick; and what opened an incident
must follow, by the playbook's own text, from readings that were ok.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.readings import Reading, ReadingState, SignalSpec
from simulator.invariants.invariant import Change, Invariant, Told
from simulator.invariants.playbook_text import Promise
from simulator.invariants.story import Record, target_of
from simulator.invariants.text import Compared, compared, leaves, parts

DIGITS = 1e-5
"""Facts are rounded to 6 significant digits before they are judged."""
HELD_TOLERANCE_S = 1e-6
OPENING = ("opened", "joined")


@dataclass(frozen=True, slots=True)
class _Leaf:
    """What may be made of one condition: is it met, and if that is unknown, may it count so."""

    truth: bool | None
    idle: bool = False
    may_assume: bool = False


class ActsOnDataOnly(Invariant):
    """``specs``: the catalogue, for default windows and units."""

    name = "acts-on-data-only"

    def __init__(self, promises: Mapping[str, Promise], specs: Mapping[str, SignalSpec]) -> None:
        self._promises = promises
        self._specs = specs
        self._windows_s = {name: spec.default_window_s for name, spec in specs.items()}

    def record(self, told: Told) -> Iterator[str]:
        record = told.record
        readings = told.change.step.readings
        for seen in record["conditions"]:
            reading = readings.get(compared(seen["text"]).key(self._windows_s))
            if seen["state"] == "ok":
                yield from _same(record, seen, reading)
            elif seen["met"] == "met" and seen["state"] != "idle":
                # An idle arm's condition reads as met under a `not`, which turns it again.
                yield f"{record['id']}: {seen['text']!r} counts as met and is {seen['state']}"
        if record["phase"] in OPENING and record["incident"] not in told.story.incidents:
            yield from self._opening(record, told.change)

    def _opening(self, record: Record, change: Change) -> Iterator[str]:
        promise = self._promises.get(record["playbook"])
        if promise is None:
            yield f"{record['id']}: {record['playbook']!r} is no playbook of this run"
            return
        texts = [_bound(text, promise, target_of(record)) for text, _, _ in leaves(promise.when)]
        conditions = record["conditions"]
        if [" ".join(text.split()) for text in texts] != [
            _bare(c, t) for c, t in zip(conditions, texts, strict=False)
        ] or len(texts) != len(conditions):
            yield f"{record['id']}: it saw other conditions than its `when` has"
            return
        found = [
            self._leaf(
                _bound(text, promise, target_of(record)),
                policy or promise.no_data,
                for_s,
                seen,
                change,
            )
            for (text, policy, for_s), seen in zip(leaves(promise.when), conditions, strict=True)
        ]
        if _fold(promise.when, iter(found), negated=False) is not True:
            yield f"{record['id']}: its `when` does not follow from readings that were ok"

    def _leaf(
        self, text: str, policy: str, for_s: float, seen: Mapping[str, Any], change: Change
    ) -> _Leaf:
        condition = compared(text)
        reading = change.step.readings.get(condition.key(self._windows_s))
        if reading is not None and reading.state is ReadingState.IDLE:
            return _Leaf(False, idle=True)
        if reading is None or reading.state is not ReadingState.OK or reading.value is None:
            return _Leaf(None, may_assume=policy == "act")
        if not math.isfinite(reading.value):
            return _Leaf(None, may_assume=policy == "act")
        threshold = self._threshold(condition)
        value = seen["value"] if seen["value"] is not None else reading.value
        if not condition.holds(value, threshold):
            return _Leaf(False)
        # Where unknown may count, `for` ran on over ticks without data.
        held = seen["held_s"] >= for_s - HELD_TOLERANCE_S or policy == "act"
        return _Leaf(held)

    def _threshold(self, condition: Compared) -> float:
        spec = self._specs.get(condition.name)
        return condition.threshold(spec.unit if spec is not None else "")


def _same(record: Record, seen: Mapping[str, Any], reading: Reading | None) -> Iterator[str]:
    if reading is None:
        yield f"{record['id']}: {seen['text']!r} was ok and no such reading was given"
    elif reading.state is not ReadingState.OK:
        yield f"{record['id']}: {seen['text']!r} counts as ok and was {reading.state.value}"
    elif reading.value is None or not math.isclose(
        reading.value, seen["value"], rel_tol=DIGITS, abs_tol=1e-12
    ):
        yield f"{record['id']}: {seen['text']!r} saw {seen['value']}, given was {reading.value}"


def _fold(tree: Any, found: Iterator[_Leaf], *, negated: bool) -> bool | None:
    """Kleene's logic; what is unknown counts as its policy lets it, whatever stands around it."""
    if isinstance(tree, str) or "if" in tree:
        leaf = next(found)
        if leaf.idle:
            return negated  # met in neither polarity
        return (not negated) if leaf.truth is None and leaf.may_assume else leaf.truth
    kind, inside = parts(tree)
    values = [_fold(part, found, negated=negated ^ (kind == "not")) for part in inside]
    if kind == "not":
        return None if values[0] is None else not values[0]
    decisive = kind == "any"
    if decisive in values:
        return decisive
    return None if None in values else not decisive


def _bound(text: str, promise: Promise, target: str) -> str:
    return text.replace(f"${promise.for_each}", target) if promise.for_each else text


def _bare(seen: Mapping[str, Any], text: str) -> str:
    """The record's text, less a `for` that stood beside the condition."""
    said, wanted = str(seen["text"]), " ".join(text.split())
    return wanted if said.startswith(f"{wanted} for ") else said

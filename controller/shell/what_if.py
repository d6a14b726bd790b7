"""The recorded facts under other playbooks: what would have been decided.

Recorded fates, work, allowances, explanations and what people answered are left out (they answered
other decisions), so every commit is `not_published` and what it would have led to stays unproven.
What people ordered by themselves (freezes, overrides) is taken. Readings that no tick recorded are
unknown, and listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from controller.adapters.cap_ledger import CapLedger
from controller.core.bundles import bundle_of
from controller.core.facts import Change, Elected, Fact, Fate, Loaded, Operator, Tick
from controller.core.playbook import Playbook
from controller.core.readings import SignalKey
from controller.core.records import Record, record_to_document
from controller.core.state import JudgeState, state_from_document, state_to_document
from controller.core.step import named_signals, step
from controller.ports import Reserved
from controller.shell.allowances import answers
from controller.shell.bundle import bundle_sha256
from controller.shell.fact_rows import from_row
from controller.shell.segment import Segment

ORDERS = frozenset({"freeze", "thaw", "override", "release"})
"""What a person tells the judge that is no answer to what it decided."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Unsealed records of all segments, and the names of readings the journals never held."""

    records: tuple[Mapping[str, Any], ...]
    unrecorded: tuple[str, ...]


def what_if(segments: Sequence[Segment], playbooks: tuple[Playbook, ...]) -> Outcome:
    """Judge the facts of ``segments`` by ``playbooks``, as one history."""
    judge = OtherJudge(playbooks)
    records: list[Mapping[str, Any]] = []
    for segment in segments:
        judge.begin(segment.header)
        for row in segment.rows:
            records += map(record_to_document, judge.take(from_row(row)))
    return Outcome(tuple(records), judge.unrecorded())


class OtherJudge:
    """Judges a recorded history by its own playbooks, on and on through its segments and terms.

    Incidents that were open where it begins finish under the text they opened with.
    """

    def __init__(self, playbooks: tuple[Playbook, ...]) -> None:
        self._playbooks = playbooks
        self._state: JudgeState | None = None
        self._missing: set[SignalKey] | None = None
        self._caps = CapLedger()

    def begin(self, header: Mapping[str, Any]) -> None:
        """The first segment's state is where to start from; later ones hold other decisions."""
        if self._state is not None:
            return
        state = state_from_document(header["state"])
        if state.config is not None:
            bundle = bundle_sha256(self._playbooks) if state.config.bundle else ""
            config = replace(state.config, playbooks=self._playbooks, bundle=bundle)
            state = replace(state, config=config, bundle=bundle_of(config))
        # Nobody will tell the fate of a commit that others made.
        self._state = replace(state, in_flight=False)

    def take(self, fact: Fact) -> tuple[Record, ...]:
        """What it decides on a recorded fact; `begin` comes before."""
        assert self._state is not None, "begin comes before take"
        if not _is_taken(fact):
            return ()
        if isinstance(fact, Tick):
            self._allow(fact)
        stepped = step(self._state, self._with(fact))
        self._state = stepped.state
        if isinstance(fact, Tick):
            self._look_for_readings(fact)
        if stepped.records:
            self._state = step(stepped.state, Fate(fact.seq, fact.at_s, "not_published", "")).state
        return stepped.records

    def unrecorded(self) -> tuple[str, ...]:
        """Readings its playbooks name, which no tick held so far."""
        return tuple(sorted(map(str, self._missing or ())))

    def _allow(self, tick: Tick) -> None:
        """As if this service were alone under the cap: what others spent was not recorded."""
        assert self._state is not None, "begin comes before take"

        def reserve(
            cap: str, service: str, key: str, cost: int, count: int, per_s: float
        ) -> Reserved:
            return self._caps.reserve(cap, service, key, cost, count, per_s, tick.at_s)

        for allowance in answers(self._state, tick.at_s, lambda: tick.seq, reserve):
            self._state = step(self._state, allowance).state

    def _with(self, fact: Fact) -> Fact:
        if isinstance(fact, Loaded):
            bundle = bundle_sha256(self._playbooks) if fact.bundle else ""
            return replace(fact, playbooks=self._playbooks, bundle=bundle)
        if isinstance(fact, Elected) and self._state is not None and self._state.leading:
            return replace(fact, state=state_to_document(self._state))
        return fact

    def _look_for_readings(self, tick: Tick) -> None:
        assert self._state is not None, "begin comes before take"
        if self._missing is None:
            if self._state.config is None:
                return
            self._missing = set(named_signals(self._playbooks, self._state.config.settings))
        if self._missing:
            self._missing -= {key for key in self._missing if key in tick.readings}


def _is_taken(fact: Fact) -> bool:
    if isinstance(fact, Operator):
        return fact.verb in ORDERS
    return isinstance(fact, Tick | Elected | Loaded | Change)

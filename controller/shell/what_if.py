"""The recorded facts under other playbooks: what would have been decided.

Recorded fates, work and approvals are left out (they answered other decisions), so every commit
is `not_published` and what it would have led to stays unproven. Readings that no tick recorded
are unknown, and listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from controller.core.facts import Change, Elected, Fact, Fate, Loaded, Tick
from controller.core.playbook import Playbook
from controller.core.records import record_to_document
from controller.core.settings import settings_from_document
from controller.core.state import state_from_document
from controller.core.step import named_signals, step
from controller.shell.bundle import bundle_sha256
from controller.shell.fact_rows import from_row
from controller.shell.segment import Segment


@dataclass(frozen=True, slots=True)
class Outcome:
    """Unsealed records of all segments, and the names of readings the journals never held."""

    records: tuple[Mapping[str, Any], ...]
    unrecorded: tuple[str, ...]


def what_if(segments: Sequence[Segment], playbooks: tuple[Playbook, ...]) -> Outcome:
    """Judge the facts of ``segments`` by ``playbooks``."""
    records: list[Mapping[str, Any]] = []
    unrecorded: set[str] = set()
    for segment in segments:
        facts = [_with(from_row(row), playbooks) for row in segment.rows]
        unrecorded |= _unrecorded(facts, playbooks)
        state = state_from_document(segment.header["state"])
        for fact in facts:
            if not isinstance(fact, Tick | Elected | Loaded | Change):
                continue
            stepped = step(state, fact)
            state = stepped.state
            if stepped.records:
                records += [record_to_document(record) for record in stepped.records]
                state = step(state, Fate(fact.seq, fact.at_s, "not_published", "")).state
    return Outcome(tuple(records), tuple(sorted(unrecorded)))


def _with(fact: Fact, playbooks: tuple[Playbook, ...]) -> Fact:
    if not isinstance(fact, Loaded):
        return fact
    bundle = bundle_sha256(playbooks) if fact.bundle else ""
    return replace(fact, playbooks=playbooks, bundle=bundle)


def _unrecorded(facts: Sequence[Fact], playbooks: tuple[Playbook, ...]) -> set[str]:
    loaded = [fact for fact in facts if isinstance(fact, Loaded)]
    ticks = [fact for fact in facts if isinstance(fact, Tick)]
    if not loaded or not ticks:
        return set()
    settings = settings_from_document(loaded[-1].settings)
    held = {key for tick in ticks for key in tick.readings}
    return {str(key) for key in named_signals(playbooks, settings) if key not in held}

"""The table of invariants, and the one that asks them all after every step.

They import nothing of the judge's logic: only what any outsider may read is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from simulator.invariants.budgets import BudgetsAreKept, CooldownsAreKept
from simulator.invariants.claims import ClaimsAreInThePlan, ClaimsAreOnesOwn
from simulator.invariants.conservation import RequestsAreConserved
from simulator.invariants.evidence import ActsOnDataOnly
from simulator.invariants.invariant import Change, End, Invariant, Plan, Told
from simulator.invariants.log import ChangesAreRecorded
from simulator.invariants.order import EpochsOnlyRise
from simulator.invariants.owners import FieldsHaveOwners
from simulator.invariants.playbook_text import promises
from simulator.invariants.recovery import NothingIsWantedForever, RecoversAfterFaults
from simulator.invariants.safety import FrozenStaysFrozen, OneIncidentPerMatter, UsersGetSlates
from simulator.invariants.shares import SharesSumToOne
from simulator.invariants.step import Broken, Step
from simulator.invariants.story import Record, Story

AVAILABILITY = "availability"


class Invariants:
    """Of one run. ``playbooks`` are plain YAML documents; ``healthy_after_s`` (since 1970) is
    when the last fault is off."""

    def __init__(
        self, settings: Settings, playbooks: Sequence[Mapping[str, Any]], healthy_after_s: float
    ) -> None:
        self.invariants = table(settings, playbooks, healthy_after_s)
        self._every_tick = _that_override(self.invariants, "tick")
        self._story = Story()
        self._text: bytes | None = None
        self._plan: Plan | None = None

    def check(self, step: Step) -> list[Broken]:
        """After every step, in order of time."""
        broken: list[Broken] = []
        if step.new_records or (step.plan is not self._text and step.plan != self._text):
            broken += self._changed(step)
        for invariant in self._every_tick:
            broken += _said(invariant, step, invariant.tick(step))
        return broken

    def finish(self, step: Step) -> list[Broken]:
        """Once, when the run is over: did what had to happen happen?"""
        broken: list[Broken] = []
        for invariant in self.invariants:
            broken += _said(invariant, step, invariant.finish(End(step, self._story, self._plan)))
        return broken

    def _changed(self, step: Step) -> list[Broken]:
        plan_changed = step.plan != self._text
        plan = self._plan
        if plan_changed:
            self._text = step.plan
            plan = None if step.plan is None else json.loads(step.plan)
        records, garbled = _records(step.new_records)
        change = Change(step, self._story, records, garbled, plan, self._plan, plan_changed)
        self._plan = plan
        broken: list[Broken] = []
        for record in records:
            for invariant in self.invariants:
                found = invariant.record(Told(record, change))
                broken += _said(invariant, step, found)
            self._story.tell(record)
        for invariant in self.invariants:
            broken += _said(invariant, step, invariant.change(change))
        return broken


def table(
    settings: Settings, playbooks: Sequence[Mapping[str, Any]], healthy_after_s: float
) -> tuple[Invariant, ...]:
    """All of them. Add your own here."""
    specs = catalogue_of(settings).specs
    windows_s = {name: spec.default_window_s for name, spec in specs.items()}
    promised = promises(playbooks, windows_s, settings.adoption_timeout_s)
    return (
        RequestsAreConserved(),
        SharesSumToOne(),
        ChangesAreRecorded(),
        FieldsHaveOwners(tuple(promised)),
        ActsOnDataOnly(promised, specs),
        EpochsOnlyRise(),
        BudgetsAreKept(promised),
        CooldownsAreKept(promised),
        ClaimsAreOnesOwn(),
        ClaimsAreInThePlan(settings),
        UsersGetSlates(windows_s[AVAILABILITY]),
        FrozenStaysFrozen(),
        OneIncidentPerMatter(),
        RecoversAfterFaults(promised, healthy_after_s),
        NothingIsWantedForever(healthy_after_s),
    )


def _that_override(invariants: Iterable[Invariant], method: str) -> tuple[Invariant, ...]:
    return tuple(i for i in invariants if method in vars(type(i)))


def _said(invariant: Invariant, step: Step, sentences: Iterable[str]) -> list[Broken]:
    return [Broken(invariant.name, step.at_s, sentence) for sentence in sentences]


def _records(lines: Sequence[bytes]) -> tuple[tuple[Record, ...], int]:
    """What reads as records, and how many lines do not."""
    found = []
    for line in lines:
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict) and "hash" in document and "prev_hash" in document:
            found.append(document)
    return tuple(found), len(lines) - len(found)

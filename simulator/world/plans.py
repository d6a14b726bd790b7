"""Which plan the routers obey when, and which model version each arm has loaded under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.plan import Plan
from serving.routing.table import RouteTable, plan_fault
from simulator.world.handled import SLOT_US
from simulator.world.models import Models


@dataclass(frozen=True, slots=True)
class Rule:
    """Holds from ``from_us`` until the next one."""

    from_us: int
    plan: Plan
    versions: Mapping[str, str]


class Rules:
    """A real route table decides what is taken; time decides when it is obeyed."""

    def __init__(self, models: Models, plan: Plan) -> None:
        self._models = models
        self._table = RouteTable(plan)
        self._rules = [Rule(0, plan, models.loaded(plan, {}))]

    @property
    def held(self) -> Plan:
        """The newest plan taken."""
        return self._table.held

    def take(self, plan: Plan, at_us: int) -> int | None:
        """Obey it from the next slot on, and say when that is; None: it is refused."""
        if plan_fault(plan) is not None or not self._table.offer(plan):
            return None
        return self._from_next_slot(plan, at_us)

    def reload(self, at_us: int) -> int | None:
        """A model appeared: say from when an arm has another version loaded, if one has."""
        newest = self._rules[-1]
        if self._models.loaded(newest.plan, newest.versions) == newest.versions:
            return None
        return self._from_next_slot(newest.plan, at_us)

    def at(self, at_us: int) -> Rule:
        return [rule for rule in self._rules if rule.from_us <= at_us][-1]

    def next_us(self, after_us: int) -> int | None:
        """When the rule that holds at ``after_us`` ends, if that is known."""
        return next((rule.from_us for rule in self._rules if rule.from_us > after_us), None)

    def forget(self, before_us: int) -> None:
        """Keep what may still be asked for."""
        while len(self._rules) > 1 and self._rules[1].from_us <= before_us:
            del self._rules[0]

    def _from_next_slot(self, plan: Plan, at_us: int) -> int:
        from_us = next_slot(at_us)
        newest = self._rules[-1]
        if from_us < newest.from_us:
            raise ValueError(f"a plan at {at_us} us comes after one of {newest.from_us} us")
        if from_us == newest.from_us:
            self._rules.pop()
        self._rules.append(Rule(from_us, plan, self._models.loaded(plan, newest.versions)))
        return from_us


def next_slot(at_us: int) -> int:
    """The first border of a slot that is not before ``at_us``."""
    return -(-at_us // SLOT_US) * SLOT_US

"""Budgets are never exceeded, and cooldowns are kept: from playbook texts and records alone.

What is promised. *Budget*: in no span of ``per`` does a playbook act on more than ``count`` rungs,
over all its targets; a span is open at its beginning, so an act exactly ``per`` ago is forgotten.
Suggestions and shadow acts count. *Cooldown*: counted from when the playbook last acted for that
target (on any rung; asking, suggesting and shadow acts too), not from when that incident ended;
before it is over no incident of it opens. A later rung of an open incident heeds the budget only.
Joining a change that is in the plan already costs nothing and needs neither. A person's approval
overrules both, and still counts for what comes after.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping

from simulator.invariants.invariant import Invariant, Told
from simulator.invariants.playbook_text import Promise
from simulator.invariants.story import Record, target_of

SPENDS = ("acting", "suggested", "shadowed")
COOLS = (*SPENDS, "asked")
TOLERANCE_S = 1e-6


class BudgetsAreKept(Invariant):
    name = "budgets-are-kept"

    def __init__(self, promises: Mapping[str, Promise]) -> None:
        self._promises = promises
        self._acts_s: dict[str, deque[float]] = defaultdict(deque)

    def record(self, told: Told) -> Iterator[str]:
        record = told.record
        promise = self._promises.get(record["playbook"] or "")
        if promise is None or record["incident"] is None or record["phase"] not in SPENDS:
            return
        at_s, acts_s = record["at_s"], self._acts_s[promise.name]
        while acts_s and acts_s[0] <= at_s - promise.budget_per_s:
            acts_s.popleft()
        if len(acts_s) >= promise.budget_count and not _is_approved(record):
            yield (
                f"{record['incident']} acts, after {len(acts_s)} of {promise.budget_count} "
                f"acts in {promise.budget_per_s:g} s"
            )
        acts_s.append(at_s)


class CooldownsAreKept(Invariant):
    name = "cooldowns-are-kept"

    def __init__(self, promises: Mapping[str, Promise]) -> None:
        self._promises = promises
        self._from_s: dict[tuple[str, str], float] = {}

    def record(self, told: Told) -> Iterator[str]:
        record = told.record
        promise = self._promises.get(record["playbook"] or "")
        if promise is None or record["incident"] is None:
            return
        place = (promise.name, target_of(record))
        at_s = record["at_s"]
        if record["phase"] == "opened" and place in self._from_s:
            since_s = at_s - self._from_s[place]
            if since_s < promise.cooldown_s - TOLERANCE_S:
                yield (
                    f"{record['incident']} opens {since_s:g} s after it acted; "
                    f"its cooldown is {promise.cooldown_s:g} s"
                )
        if record["phase"] in COOLS:
            self._from_s[place] = at_s


def _is_approved(record: Record) -> bool:
    return (record["autonomy"], record["details"].get("rung")) == ("approve", 1)

"""Safety, faults or not: users get slates, the frozen stays frozen, one incident per matter."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.readings import ReadingState, SignalKey
from simulator.invariants.invariant import Change, Invariant, Told
from simulator.invariants.step import Step
from simulator.invariants.story import Record, is_order, target_of

BEGINS = ("opened", "joined")


class UsersGetSlates(Invariant):
    """``availability`` is the share of users' requests that got a slate; every one must."""

    name = "users-get-slates"

    def __init__(self, window_s: float) -> None:
        self._key = SignalKey("availability", (), window_s)
        self._was_broken = False

    def tick(self, step: Step) -> Iterator[str]:
        reading = step.readings.get(self._key)
        if reading is None or reading.state is not ReadingState.OK or reading.value is None:
            return
        is_broken = reading.value < 1.0
        if is_broken and not self._was_broken:
            yield f"only {reading.value:.6%} of users' requests got a slate"
        self._was_broken = is_broken


class FrozenStaysFrozen(Invariant):
    """What is frozen opens no incident and promotes nothing; only a record thaws it."""

    name = "frozen-stays-frozen"

    def record(self, told: Told) -> Iterator[str]:
        record = told.record
        frozen = set(told.change.before["frozen"]) if told.change.before is not None else set()
        if any(_thaws(each) for each in told.change.records):
            return
        begins = record["phase"] in BEGINS and record["incident"] not in told.story.incidents
        if begins and frozen & {"all", record["playbook"]}:
            yield f"{record['incident']} opens while {sorted(frozen)} are frozen"
        if record["phase"] == "promoted" and frozen & {"all", "promotions"}:
            yield f"{record['id']} promotes while {sorted(frozen)} are frozen"

    def change(self, change: Change) -> Iterator[str]:
        if change.plan is None or change.before is None or not change.plan_changed:
            return
        thawed = set(change.before["frozen"]) - set(change.plan["frozen"])
        if thawed and not any(_thaws(each) for each in change.records):
            yield f"{sorted(thawed)} thawed, and no record says why"


class OneIncidentPerMatter(Invariant):
    """At most one incident is open per playbook and target."""

    name = "one-incident-per-matter"

    def record(self, told: Told) -> Iterator[str]:
        record = told.record
        if record["incident"] is None or record["phase"] not in BEGINS:
            return
        mine = (record["playbook"], target_of(record))
        for other in told.story.incidents.values():
            if other.id != record["incident"] and (other.playbook, other.target) == mine:
                yield f"{record['incident']} opens while {other.id} is open"


def _thaws(record: Record) -> bool:
    """A person's word, a freeze that ran out, or an incident that gives its own up."""
    if is_order(record, "thaw") or record["phase"] == "thawed":
        return True
    before = [claim for claim in record["claims_before"] if claim["kind"] == "freeze"]
    return any(claim not in record["claims_after"] for claim in before)

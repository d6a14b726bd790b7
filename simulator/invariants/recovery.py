"""After the faults end the service rights itself: no incident stays, traffic is back, work ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simulator.invariants.invariant import Change, End, Invariant, Plan
from simulator.invariants.playbook_text import SLACK_S, Promise
from simulator.invariants.story import Incident

EXPIRED_WITHIN_S = 5.0


class RecoversAfterFaults(Invariant):
    """Nothing is asked of the part of a run that is too short for it.

    An incident may stand still as long as its playbook's verification, clearing and return take
    together, counted from the last fault's end or its own last record, whichever is later. One
    that waits for a person (escalated, not yet approved, or frozen) may stay, and so may what
    keeps it.
    """

    name = "recovers-after-faults"

    def __init__(self, promises: Mapping[str, Promise], healthy_after_s: float) -> None:
        self._promises = promises
        self._healthy_after_s = healthy_after_s

    def finish(self, end: End) -> Iterator[str]:
        if end.plan is None or end.step.faults_on:
            return
        for incident in end.story.incidents.values():
            stood_s = end.step.at_s - max(incident.last_s, self._healthy_after_s)
            promise = self._promises.get(incident.playbook)
            patience_s = promise.patience_s if promise is not None else SLACK_S
            if stood_s > patience_s and not _waits_for_a_person(incident, end.plan):
                yield f"{incident.id} is {incident.phase} and has not moved for {stood_s:g} s"


class NothingIsWantedForever(Invariant):
    """Wanted work ends at a time, and is not wanted after that while somebody leads."""

    name = "nothing-is-wanted-forever"

    def __init__(self, healthy_after_s: float) -> None:
        self._healthy_after_s = healthy_after_s

    def change(self, change: Change) -> Iterator[str]:
        if change.plan is None or not change.plan_changed:
            return
        for work in change.plan["wanted"]:
            if not work["decided_at_s"] < work["expires_at_s"] < float("inf"):
                yield f"work {work['id']} never ends"

    def finish(self, end: End) -> Iterator[str]:
        if end.plan is None or end.step.at_s < self._healthy_after_s + SLACK_S:
            return
        for work in end.plan["wanted"]:
            late_s = end.step.at_s - work["expires_at_s"]
            if late_s > EXPIRED_WITHIN_S:
                yield f"work {work['id']} is wanted {late_s:g} s too long"


def _waits_for_a_person(incident: Incident, plan: Plan) -> bool:
    is_asked = incident.phase in ("escalated", "opened", "asked")
    return is_asked or not {"all", incident.playbook}.isdisjoint(plan["frozen"])

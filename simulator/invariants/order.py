"""Epochs and revisions only rise: in the log, in the store, and in what each router holds."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.invariants.invariant import Change, End, Invariant, Told
from simulator.invariants.step import Step

ADOPTED_WITHIN_S = 10.0
"""At the end of a run every router has had so long to take the last plan."""


class EpochsOnlyRise(Invariant):
    """A router's epoch 0 is the baseline it began with, before any plan was published."""

    name = "epochs-only-rise"

    def __init__(self) -> None:
        self._routers: tuple[tuple[int, int, str], ...] = ()
        self._heads: dict[tuple[int, int], str] = {}
        """Of every commit: what a router that holds it must name."""

    def tick(self, step: Step) -> Iterator[str]:
        if step.routers == self._routers:
            return
        before = dict(enumerate(self._routers))
        self._routers = step.routers
        for number, (epoch, revision, head) in enumerate(step.routers):
            held = before.get(number, (0, 0, ""))
            if (epoch, revision) < held[:2]:
                yield f"router {number} went from {held[0]}/{held[1]} back to {epoch}/{revision}"
            if epoch and self._heads.get((epoch, revision)) != head:
                yield f"router {number} holds {epoch}/{revision} {head[:12]}, never published"

    def record(self, told: Told) -> Iterator[str]:
        record = told.record
        epoch, revision = record["epoch"], record["revision"]
        last_epoch, last_revision = told.story.position
        same = (epoch, revision) == told.story.position
        if not same and (epoch < last_epoch or revision <= last_revision):
            yield f"{record['id']} comes after {last_epoch}/{last_revision}"
        self._heads[epoch, revision] = record["hash"]

    def change(self, change: Change) -> Iterator[str]:
        plan, before = change.plan, change.before
        if not change.plan_changed or plan is None or before is None:
            return
        if plan["epoch"] < before["epoch"] or plan["revision"] <= before["revision"]:
            yield (
                f"the plan went from {before['epoch']}/{before['revision']} "
                f"to {plan['epoch']}/{plan['revision']}"
            )

    def finish(self, end: End) -> Iterator[str]:
        if (
            end.plan is None
            or end.step.faults_on
            or end.step.at_s < end.plan["at_s"] + ADOPTED_WITHIN_S
        ):
            return
        for number, (epoch, revision, _) in enumerate(end.step.routers):
            if (epoch, revision) != (end.plan["epoch"], end.plan["revision"]):
                yield f"router {number} never took the last plan: it holds {epoch}/{revision}"

"""Workers of the virtual world: bring done work in line with the plan's wanted work.

As in production each item is done once per id and its last status is said again every 5 s while it
is wanted. A retrain gives a candidate after the world's training time; telling people takes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.core.plan import Plan, Work
from controller.telemetry.schema import WORK
from simulator.virtual.little_topics import Sender
from simulator.world.world import World

REPEAT_EVERY_S = 5.0
TELLING = ("notify", "webhook")


@dataclass(frozen=True, slots=True)
class _Item:
    kind: str
    arm: str
    done_at_s: float
    status: str = "running"
    detail: str = ""
    version: str | None = None
    said_at_s: float = float("-inf")


class Workers:
    """``turn`` once a second with the plan as workers read it."""

    def __init__(self, world: World, start_s: float, train_s: float, sender: Sender) -> None:
        self._world = world
        self._start_s = start_s
        self._train_s = train_s
        self._sender = sender
        self._items: dict[str, _Item] = {}
        self._trained = 0

    def turn(self, plan: Plan, now_s: float) -> None:
        """Take what is new, finish what is due, forget what nobody wants, say what is news."""
        wanted = {work.id: work for work in plan.wanted if work.expires_at_s > now_s}
        self._items = {work_id: item for work_id, item in self._items.items() if work_id in wanted}
        rows = []
        for work_id, work in wanted.items():
            before = self._items.get(work_id) or self._taken(work, plan, now_s)
            item = self._advanced(before, now_s)
            if item is not before or now_s >= item.said_at_s + REPEAT_EVERY_S:
                item = replace(item, said_at_s=now_s)
                rows.append(_row(work_id, item, now_s))
            self._items[work_id] = item
        self._sender.send(WORK, rows, now_s)

    def _taken(self, work: Work, plan: Plan, now_s: float) -> _Item:
        arm = str(work.arguments.get("arm", ""))
        if work.kind == "retrain" and arm in plan.arms:
            return _Item(work.kind, arm, now_s + self._train_s, detail="training")
        if work.kind == "prewarm_cache" and arm in plan.arms:
            return _Item(work.kind, arm, now_s + 1.0, detail="warming")
        if work.kind in TELLING:
            return _Item(work.kind, arm, now_s)
        return _Item(work.kind, arm, now_s, "refused", f"no worker does {work.kind!r}")

    def _advanced(self, item: _Item, now_s: float) -> _Item:
        if item.status != "running" or now_s < item.done_at_s:
            return item
        at_us = round((now_s - self._start_s) * 1e6)
        if item.kind == "retrain":
            self._trained += 1
            version = f"{item.arm}-candidate-{self._trained}"
            self._world.add_model(version, item.arm, at_us)
            return replace(item, status="done", detail="trained", version=version)
        if item.kind == "prewarm_cache":
            self._world.prewarm(item.arm, at_us)
            return replace(item, status="done", detail="the cache is warm")
        return replace(item, status="done", detail="told")


def _row(work_id: str, item: _Item, now_s: float) -> Mapping[str, Any]:
    return {
        "at_s": now_s,
        "work_id": work_id,
        "kind": item.kind,
        "status": item.status,
        "detail": item.detail,
        "version": item.version,
        "worker_id": "virtual-worker",
    }

"""How a published plan reaches the routers: at once by a push, again by a look each second.

A push may also arrive late and old; routers refuse what is older than what they hold.
"""

from __future__ import annotations

import json

from controller.adapters.memory_store import MemoryPlanStore
from controller.core.plan import Plan, plan_from_document
from controller.errors import Unavailable
from simulator.kernel import Kernel
from simulator.world.world import World

LATE_PUSH_S = 2.5
"""So long after a plan its predecessor comes once more, as a slow connection may bring it."""


class PlanPost:
    """``newest`` is the plan as last read from the store, ``text`` its bytes; None before the
    first."""

    def __init__(
        self, store: MemoryPlanStore, world: World, kernel: Kernel, start_s: float, adopt_ms: float
    ) -> None:
        self.newest: Plan | None = None
        self.text: bytes | None = None
        self._store = store
        self._world = world
        self._kernel = kernel
        self._start_s = start_s
        self._adopt_s = adopt_ms / 1000.0

    def look(self) -> None:
        """Read the store; push what is new. Without a store routers keep what they hold."""
        try:
            stored = self._store.load()
        except Unavailable:
            return
        if stored is None or stored.plan is None or stored.plan == self.text:
            return
        before, self.text = self.newest, stored.plan
        self.newest = plan_from_document(json.loads(stored.plan))
        self._push(self.newest, self._adopt_s)
        if before is not None:
            self._push(before, LATE_PUSH_S)

    def _push(self, plan: Plan, after_s: float) -> None:
        def arrive() -> None:
            at_us = round((self._kernel.now_s - self._start_s) * 1e6)
            self._world.adopt(plan, at_us)

        self._kernel.at(self._kernel.now_s + after_s, arrive)

"""The primary answers late: a real wait inside its replicas."""

from __future__ import annotations

import asyncio

from simulator.live.faults.fault import Fault, Place

DELAY_MS = 400.0


class SlowPrimary(Fault):
    name = "slow_primary"
    cause = f"every answer of the primary waits {DELAY_MS:g} ms"
    right_actions = ("route", "scale")
    needs_fault_file = True
    must_act = True

    async def hold(self, place: Place, for_s: float) -> None:
        slow = {"primary": {"delay_ms": DELAY_MS, "share": 1.0, "error_share": 0.0}}
        with place.fault_file.holding({"arms": slow}):
            await asyncio.sleep(for_s)

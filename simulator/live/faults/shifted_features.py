"""The feature pipeline writes wrong values, in time: drift without any error."""

from __future__ import annotations

import asyncio

from simulator.live.faults.fault import Fault, Place

FACTORS = {"item_hour": 5.0, "user_recent": 1.0}


class ShiftedFeatures(Fault):
    name = "shifted_features"
    cause = "item counters are five times too high and scrambled, recent items are strangers'"
    right_actions = ("retrain", "evaluate", "notify")
    needs_fault_file = True

    async def hold(self, place: Place, for_s: float) -> None:
        with place.fault_file.holding({"features": {"shifted_groups": dict(FACTORS)}}):
            await asyncio.sleep(for_s)

"""The feature pipeline stops writing: what the primary reads grows old."""

from __future__ import annotations

import asyncio

from simulator.live.faults.fault import Fault, Place

GROUPS = ("user_recent", "item_hour")


class StaleFeatures(Fault):
    name = "stale_features"
    cause = f"the feature groups {' and '.join(GROUPS)} are no longer written"
    right_actions = ("route", "notify", "freeze")
    needs_fault_file = True

    async def hold(self, place: Place, for_s: float) -> None:
        with place.fault_file.holding({"features": {"frozen_groups": list(GROUPS)}}):
            await asyncio.sleep(for_s)

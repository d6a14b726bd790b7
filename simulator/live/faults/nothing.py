"""No fault at all: what a run must look like when nothing is wrong."""

from __future__ import annotations

import asyncio

from simulator.live.faults.fault import Fault, Place


class Nothing(Fault):
    name = "nothing"
    cause = "nothing is wrong"
    right_actions = ()

    async def hold(self, place: Place, for_s: float) -> None:
        del place
        await asyncio.sleep(for_s)

"""A child of the stack is gone: killed, or held still for a stated time."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from simulator.live.faults.fault import Fault, Place
from simulator.live.faults.processes import family, freeze, kill, named, replaced, thaw


class Outage(Fault):
    """Without a duration the process is killed, and the outage lasts until the supervisor has
    another; with one it is stopped (SIGSTOP) and goes on afterwards with all it had."""

    child: ClassVar[str]

    async def hold(self, place: Place, for_s: float) -> None:
        process = named(place.data_dir, self.child)
        members = family(process)
        if for_s <= 0:
            for member in members:
                kill(member)
            await replaced(place.data_dir, self.child, process.pid)
            return
        try:
            for member in members:
                freeze(member)
            await asyncio.sleep(for_s)
        finally:
            for member in members:
                thaw(member)

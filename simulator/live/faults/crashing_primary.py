"""The primary's replica is killed, and killed again when it comes back, for as long as it lasts."""

from __future__ import annotations

import asyncio
import re

import psutil

from controller.errors import Unavailable
from simulator.live.faults.fault import Fault, Place
from simulator.live.faults.processes import descendants, kill, stack_processes

TITLE = re.compile(r"^ray::ServeReplica:[^:]+:(arm-)?primary(?![\w-])")
"""Ray names a replica's process ``ray::ServeReplica:APPLICATION:DEPLOYMENT``, and may add the
method it runs."""
LOOK_EVERY_S = 0.5


class CrashingPrimary(Fault):
    name = "crashing_primary"
    cause = "the process of the primary's replica is killed (SIGKILL)"
    right_actions = ("route",)

    async def hold(self, place: Place, for_s: float) -> None:
        victims = primary_replicas(place)
        if not victims:
            raise Unavailable("no process of a primary replica was found in this stack")
        loop = asyncio.get_running_loop()
        over = loop.time() + for_s
        while True:
            for victim in victims:
                kill(victim)
            if loop.time() >= over:
                return
            await asyncio.sleep(min(LOOK_EVERY_S, max(0.0, over - loop.time())))
            victims = primary_replicas(place)


def primary_replicas(place: Place) -> list[psutil.Process]:
    """Processes of this stack whose title is that of a replica of the arm ``primary``."""
    return [
        process
        for process in descendants(stack_processes(place.data_dir))
        if TITLE.search(title(process))
    ]


def title(process: psutil.Process) -> str:
    """The process's own title; empty when it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""

"""How the service works: requests, arms, replicas, queues, cache, cost."""

from __future__ import annotations

from controller.monitors.monitor import Monitor
from controller.monitors.system import (
    adoption,
    arms,
    cache,
    cost,
    head_room,
    probes,
    queues,
    replicas,
    routes,
    users,
)

MONITORS: tuple[Monitor, ...] = (
    users.MONITOR,
    arms.MONITOR,
    routes.MONITOR,
    probes.MONITOR,
    replicas.MONITOR,
    queues.MONITOR,
    head_room.MONITOR,
    cache.MONITOR,
    cost.MONITOR,
    adoption.MONITOR,
)

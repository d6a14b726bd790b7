"""How the service works: requests, arms, replicas, queues, cache, cost."""

from __future__ import annotations

from controller.monitors.monitor import Monitor
from controller.monitors.system import adoption, arms, cache, queues, users

MONITORS: tuple[Monitor, ...] = (
    users.MONITOR,
    arms.MONITOR,
    queues.MONITOR,
    cache.MONITOR,
    adoption.MONITOR,
)

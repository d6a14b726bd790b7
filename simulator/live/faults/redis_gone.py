"""Redis is gone: no features, no cache, nobody leads; routers keep the plan they hold."""

from __future__ import annotations

from simulator.live.faults.outage import Outage


class RedisGone(Outage):
    name = "redis_gone"
    cause = "the Redis process is killed, or stopped for the stated time"
    right_actions = ()
    child = "redis"

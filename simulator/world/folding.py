"""Folding the end of an attempt into the state: what the breaker and the cache learn of it."""

from __future__ import annotations

from simulator.visits import MICROSECONDS
from simulator.world.handled import Result
from simulator.world.state import USER_TURN, ServiceState, UnderWay


def fold_in(state: ServiceState, ended: UnderWay, cache_is_gone: bool) -> None:
    """Called in order of end, visit and turn."""
    now_s = ended.end_us / MICROSECONDS
    result, jitter = ended.result, ended.jitter
    breaker = state.breaker(ended.router, ended.arm)
    if ended.turn != USER_TURN:
        breaker.record_probe(now_s, good=result == Result.OK, jitter=jitter)
    elif ended.counts:
        is_late = result == Result.LATE
        breaker.record(now_s, bad=is_late or result == Result.ERROR, late=is_late, jitter=jitter)
    if not cache_is_gone:
        keep(state, ended)


def keep(state: ServiceState, ended: UnderWay) -> None:
    """Write the answer into the cache, if it is to be kept."""
    kept = ended.keeping
    if kept is None:
        return
    shelf = state.cache.shelf(ended.arm, kept.version)
    shelf.until_us[kept.user] = ended.end_us + kept.ttl_us
    shelf.events_us[kept.user] = kept.events_us

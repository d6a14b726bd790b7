"""The quiet service: many slots at once by arrays, as long as nothing disturbs them."""

from __future__ import annotations

from simulator.world.quiet_cache import is_simple
from simulator.world.quiet_commit import commit
from simulator.world.quiet_rows import part_of
from simulator.world.quiet_span import Span
from simulator.world.rows import Part
from simulator.world.slab import Slab
from simulator.world.state import USER_TURN, ServiceState


def is_calm(slab: Slab, state: ServiceState) -> bool:
    """Whether a quiet span may begin now."""
    plan = slab.plan
    arms = {*slab.arms, *(plan.evaluation.arms if plan.evaluation else ())}
    closed = all(b.is_closed for (_, arm), b in state.breakers.items() if arm in arms)
    probed = {(a.router, a.arm) for a in state.under_way if a.turn != USER_TURN}
    return closed and all(state.is_closed(*key) for key in probed) and is_simple(state, slab)


def serve_quietly(
    slab: Slab, state: ServiceState, from_us: int, until_us: int
) -> tuple[Part | None, int]:
    """Serve from ``from_us`` up to the first disturbed slot, at most ``until_us``.

    Returns the rows and how far it came; the state is moved so far. Call it only when calm.
    """
    span = Span(slab, state, from_us, until_us)
    reached_us = span.disturbed_us
    if reached_us == from_us:
        return None, from_us
    if reached_us < until_us:
        span = Span(slab, state, from_us, reached_us)
    commit(span)
    return part_of(span), reached_us

"""Serving visits under one plan and constant conditions: quietly where it can, else stepwise."""

from __future__ import annotations

from collections.abc import Mapping

from controller.core.plan import Plan
from simulator.visits import MICROSECONDS, Visits
from simulator.world.conditions import Conditions
from simulator.world.features import FeatureClock
from simulator.world.handled import SLOT_US, Handled
from simulator.world.quiet import is_calm, serve_quietly
from simulator.world.replicas import Replicas
from simulator.world.rows import Part, joined
from simulator.world.slab import Service, Slab, is_in_process
from simulator.world.state import ServiceState
from simulator.world.stepwise import Stepwise

__all__ = ["Service", "serve"]

STEPS_US = MICROSECONDS
"""How long to go on stepwise after a disturbance before looking whether it is over."""
FIRST_REACH_US = 2 * MICROSECONDS
"""How far to try quietly after a disturbance; twice as far each time it goes well."""


def serve(
    service: Service,
    state: ServiceState,
    visits: Visits,
    plan: Plan,
    versions: Mapping[str, str],
    conditions: Conditions,
    from_us: int,
    until_us: int,
    *,
    stepwise: bool = False,
) -> Handled:
    """Serve the visits of [from_us, until_us) and move ``state`` from the one to the other.

    ``versions``: by arm, the model version held now; empty or missing is unknown. ``stepwise``
    never takes the quiet path: the reference. Raise ValueError for times off the slots, or in
    the wrong order.
    """
    if from_us % SLOT_US or until_us % SLOT_US or until_us <= from_us:
        raise ValueError(f"[{from_us}, {until_us}) is not a span of whole slots of {SLOT_US} us")
    _adopt(service, state, plan, conditions, from_us)
    slab = Slab(service, state, visits, plan, versions, conditions, from_us)
    if stepwise:
        parts = [Stepwise(slab, state, from_us, until_us).run()]
    else:
        parts = _in_parts(slab, state, from_us, until_us)
    clock = FeatureClock(service.spec, service.settings.feature_groups)
    state.written_us = clock.written_before(
        until_us, state.written_us, conditions.frozen_groups, from_us
    )
    state.visits_seen += len(visits)
    return joined(slab, parts)


def _in_parts(slab: Slab, state: ServiceState, from_us: int, until_us: int) -> list[Part]:
    parts: list[Part] = []
    at_us, reach_us = from_us, until_us - from_us
    while at_us < until_us:
        if is_calm(slab, state):
            aim_us = min(until_us, at_us + reach_us)
            part, at_us = serve_quietly(slab, state, at_us, aim_us)
            if part is not None:
                parts.append(part)
            if at_us == aim_us:
                reach_us *= 2
                continue
        reach_us = FIRST_REACH_US
        step_us = min(until_us, at_us + STEPS_US)
        parts.append(Stepwise(slab, state, at_us, step_us).run())
        at_us = step_us
    return parts


def _adopt(
    service: Service, state: ServiceState, plan: Plan, conditions: Conditions, at_us: int
) -> None:
    """What a new plan or new conditions do at once: replicas die, come and go; a cache is lost."""
    if conditions.cache_is_gone:
        state.cache.clear()
    state.cache.forget_expired(at_us)
    spec = service.spec
    for name, arm in plan.arms.items():
        if is_in_process(service.settings, name):
            continue
        model = spec.arm(name)
        known = state.replicas.get(name) or Replicas.warm(model.replicas)
        state.replicas[name] = known.changed(
            model.replicas if arm.replicas is None else arm.replicas,
            conditions.of(name).dead_replicas,
            at_us=at_us,
            detect_us=round(spec.detect_dead_s * MICROSECONDS),
            cold_us=round(model.cold_s * MICROSECONDS),
        )
        if state.replicas[name].alive == 0:
            state.backlog_us[name] = 0

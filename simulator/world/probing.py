"""Which visits are copied to which arms while every breaker is closed.

The buckets are the real ones, asked in a plain loop: their sums of floats have an order.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from serving.routing.probes import ProbeSchedule, probe_rates
from simulator.visits import MICROSECONDS, Integers
from simulator.world.slab import Slab
from simulator.world.state import ServiceState


@dataclass(frozen=True, slots=True)
class Probing:
    """Probes in order of visit and arm, and the schedules as they are afterwards."""

    visit: Integers
    arm: Integers
    schedules: list[ProbeSchedule]

    def __len__(self) -> int:
        return len(self.visit)


def wants_probes(slab: Slab) -> bool:
    """With all breakers closed."""
    return any(rate > 0.0 for rate in slab.plan.probe_per_s.values())


def due_probes(slab: Slab, state: ServiceState, visits: Integers) -> Probing:
    """``visits``: rows of those that are admitted, ascending. The state is left as it is."""
    if not wants_probes(slab) or not len(visits):
        nothing = np.empty(0, dtype=np.int64)
        return Probing(nothing, nothing, state.probes)
    service, order = slab.service, slab.order
    rates = probe_rates(slab.plan.probe_per_s, frozenset(), service.settings.probe_per_s)
    schedules = deepcopy(state.probes)
    routers = slab.visits.router[visits].tolist()
    at_s = (slab.visits.at_us[visits] / MICROSECONDS).tolist()
    live = service.spec.routers
    found: list[tuple[int, int]] = []
    for visit, router, now_s in zip(visits.tolist(), routers, at_s, strict=True):
        due = schedules[router].due(now_s, rates, live)
        if due:
            arms = sorted(order[name] for name in due if name in order)
            found.extend((visit, arm) for arm in arms)
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return Probing(pairs[:, 0], pairs[:, 1], schedules)

"""Everything about the simulated service that lasts beyond a slot.

Written by the stepwise and the quiet service alike; holds no plan, no conditions and no users.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

from controller.settings import Settings
from serving.routing.adaptive_limit import AdaptiveLimit
from serving.routing.probes import ProbeSchedule
from simulator.spec import WorldSpec
from simulator.world.breakers import KeptBreaker
from simulator.world.cache import ResponseCache
from simulator.world.features import FeatureClock
from simulator.world.replicas import Replicas

USER_TURN = 0
"""Of a visit's own request; the probe of an arm has the arm's number + 1."""


class Keeping(NamedTuple):
    """What the response cache will keep of an answer."""

    version: str
    user: int
    ttl_us: int
    events_us: tuple[int, ...]


class UnderWay(NamedTuple):
    """An attempt whose end is not folded in yet. Ascending: the order of folding in."""

    end_us: int
    sequence: int
    """Of the visit, counted over the whole run."""
    turn: int
    router: int
    arm: str
    result: int
    """A `simulator.world.handled.Result`; SKIPPED is a cache hit."""
    counts: bool
    """Told to the breaker."""
    jitter: float
    keeping: Keeping | None


@dataclass(slots=True)
class ServiceState:
    """As of the start of a slot."""

    cache: ResponseCache
    backlog_us: dict[str, int]
    """By arm: work that waits, to be shared by the replicas that live."""
    breakers: dict[tuple[int, str], KeptBreaker]
    probes: list[ProbeSchedule]
    """By router."""
    limits: list[AdaptiveLimit]
    """By router."""
    written_us: tuple[int, ...]
    """The newest write of each feature group."""
    replicas: dict[str, Replicas]
    under_way: list[UnderWay]
    """A heap."""
    visits_seen: int = 0

    def copy(self) -> ServiceState:
        """Independent of this one."""
        return ServiceState(
            self.cache.copy(),
            dict(self.backlog_us),
            {key: breaker.copy() for key, breaker in self.breakers.items()},
            deepcopy(self.probes),
            deepcopy(self.limits),
            self.written_us,
            dict(self.replicas),
            list(self.under_way),
            self.visits_seen,
        )

    def breaker(self, router: int, arm: str) -> KeptBreaker:
        key = (router, arm)
        if key not in self.breakers:
            self.breakers[key] = KeptBreaker()
        return self.breakers[key]

    def is_closed(self, router: int, arm: str) -> bool:
        breaker = self.breakers.get((router, arm))
        return breaker is None or breaker.is_closed


def fresh_state(settings: Settings, spec: WorldSpec, users: int) -> ServiceState:
    """Nothing cached, nothing waiting, every replica warm, features written on time."""
    clock = FeatureClock(spec, settings.feature_groups)
    long_ago = (0,) * len(clock.groups)
    written_us = clock.written_before(0, long_ago, frozenset(), from_us=-clock.every_us - 1)
    return ServiceState(
        cache=ResponseCache(users, len(clock.groups)),
        backlog_us={},
        breakers={},
        probes=[ProbeSchedule() for _ in range(spec.routers)],
        limits=[AdaptiveLimit() for _ in range(spec.routers)],
        written_us=written_us,
        replicas={},
        under_way=[],
    )

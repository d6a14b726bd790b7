"""Small visits, plans and conditions for tests of the service, each from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from controller.core.plan import ArmPlan, EvaluationPlan, Plan, Split
from controller.settings import Arm, Settings
from simulator.spec import ArmModel, WorldSpec
from simulator.visits import MICROSECONDS, Visits
from simulator.world.conditions import ArmConditions, Conditions
from simulator.world.handled import SLOT_US
from simulator.world.rows import TYPES
from simulator.world.serve import Service, serve
from simulator.world.state import ServiceState, fresh_state

ARMS = ("primary", "fallback", "challenger")


def small_visits(
    random: np.random.Generator, until_us: int, rate_per_s: float, users: int, routers: int
) -> Visits:
    n = int(random.poisson(rate_per_s * until_us / MICROSECONDS))
    uniform, normal = random.random, random.standard_normal
    return Visits(
        number=random.permutation(4 * n)[:n].astype(np.uint64),
        at_us=np.sort(random.integers(0, until_us, n)),
        user=np.minimum((random.pareto(1.3, n) * 3).astype(np.int64), users - 1),
        router=random.integers(0, routers, n),
        fatigue=np.zeros(n),
        z_service=normal(n),
        z_local=normal(n),
        z_probe=normal(n),
        u_replica=uniform(n),
        u_slow=uniform(n),
        u_error=uniform(n),
        u_null=uniform(n),
        u_jitter=uniform(n),
        u_sample=uniform(n),
        u_click=uniform((n, 3)),
        z_delay=normal(n),
        u_loss=uniform(n),
        u_double=uniform(n),
    )


@dataclass
class Situation:
    """A service under one plan and conditions after another."""

    service: Service
    visits: Visits
    until_us: int
    turns: list[tuple[int, Plan, Conditions]] = field(default_factory=list)
    """From when on; the first at 0."""
    users: int = 40

    def fresh(self) -> ServiceState:
        return fresh_state(self.service.settings, self.service.spec, self.users)

    def run(
        self, state: ServiceState, *, stepwise: bool, cuts: tuple[int, ...] = ()
    ) -> list[dict[str, Any]]:
        """The rows of each turn, those of slabs between ``cuts`` put together."""
        edges = [at_us for at_us, _, _ in self.turns] + [self.until_us]
        told = []
        for i, (_, plan, conditions) in enumerate(self.turns):
            inner = [c for c in sorted(set(cuts)) if edges[i] < c < edges[i + 1]]
            bounds = [edges[i], *inner, edges[i + 1]]
            parts = []
            for from_us, until_us in pairwise(bounds):
                visits = self.visits.between(from_us, until_us)
                parts.append(
                    serve(
                        self.service,
                        state,
                        visits,
                        plan,
                        {"primary": "p1", "challenger": "c1", "fallback": "f1"},
                        conditions,
                        from_us,
                        until_us,
                        stepwise=stepwise,
                    )
                )
            told.append(_put_together(parts))
        return told


def _put_together(parts: list[Any]) -> dict[str, Any]:
    columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in TYPES}
    offsets = np.cumsum([0] + [len(p.visits) for p in parts])
    columns["visit"] = np.concatenate(
        [p.visit + offset for p, offset in zip(parts, offsets[:-1], strict=True)]
    )
    order = np.argsort(columns["role"], kind="stable")
    chances = {p.chances for p in map(_Chances, parts)}
    assert len(chances) == 1
    return {name: column[order] for name, column in columns.items()}


class _Chances:
    def __init__(self, handled: Any) -> None:
        self.chances = tuple(tuple(c.items()) for c in handled.chances)


def assert_same(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    assert len(first) == len(second)
    for turn, (one, other) in enumerate(zip(first, second, strict=True)):
        for name in TYPES:
            assert one[name].dtype == other[name].dtype
            assert one[name].shape == other[name].shape, f"turn {turn}: {name}"
            where = np.flatnonzero(differing_rows(one[name], other[name]))
            assert len(where) == 0, (
                f"turn {turn}, {name}, rows {where[:5]} at {one['at_us'][where[:5]]}: "
                f"{one[name][where[:5]]} is not {other[name][where[:5]]}"
            )


def differing_rows(one: Any, other: Any) -> Any:
    differs = one != other
    return differs.any(axis=1) if differs.ndim > 1 else differs


def random_situation(seed: int) -> Situation:
    """Healthy often enough that long spans are quiet, and wrong in every way now and then."""
    random = np.random.default_rng(seed)
    routers = int(random.integers(1, 4))
    users = 40
    settings = Settings(
        arms={
            "primary": Arm(share=1.0),
            "fallback": Arm(share=0.0, in_process=True),
            "challenger": Arm(share=0.0),
        },
        segments={"platform": ("ios", "android", "web"), "country": ("de", "us")},
        partitions=int(random.integers(1, 4)),
    )
    spec = WorldSpec(
        routers=routers,
        feature_every_s=float(random.choice([0.7, 5.0])),
        arms={
            name: ArmModel(
                latency_ms=float(random.choice([10.0, 40.0, 70.0])),
                replicas=int(random.integers(1, 4)),
                batch_size=int(random.integers(1, 9)),
                item_ms=float(random.choice([1.0, 3.0, 12.0])),
                cold_s=1.0,
            )
            for name in ("primary", "challenger")
        },
    )
    codes = {
        "platform": random.integers(-1, 3, users),
        "country": random.integers(0, 2, users),
    }
    service = Service(settings, spec, codes, seed=int(random.integers(0, 2**62)))
    until_us = int(random.integers(60, 200)) * SLOT_US
    rate_per_s = float(random.choice([5.0, 40.0, 120.0]))
    visits = small_visits(random, until_us, rate_per_s, users, routers)
    turns = [
        (at_us, random_plan(random), random_conditions(random))
        for at_us in [0, *sorted({int(c) * SLOT_US for c in random.integers(20, 60, 2)})]
    ]
    return Situation(service, visits, until_us, turns, users)


def random_plan(random: np.random.Generator) -> Plan:
    def maybe(share: float) -> bool:
        return bool(random.random() < share)

    first = float(random.choice([1.0, 0.8, 0.5, 0.0]))
    rest = (1.0 - first) / 2.0
    evaluation = EvaluationPlan(
        "e1",
        ("primary", "challenger"),
        str(random.choice(["request", "user", "session"])),
        int(random.integers(0, 2**63)),
        maybe(0.8),
    )
    return Plan(
        service="recommender",
        epoch=1,
        revision=1,
        head="",
        at_s=0.0,
        arms={
            name: ArmPlan(
                "latest",
                share,
                float(random.choice([100.0, 100.0, 45.0])),
                replicas=int(random.integers(1, 5)) if maybe(0.2) else None,
            )
            for name, share in zip(ARMS, (first, rest, rest), strict=True)
        },
        control_share=float(random.choice([0.0, 0.02, 0.3])),
        splits=(
            Split({"platform": "ios"}, {"challenger": 0.7, "primary": 0.3}),
            Split({"platform": "web", "country": "de"}, {"fallback": 1.0}),
        )
        if maybe(0.4)
        else (),
        probe_per_s={"challenger": 5.0, "fallback": 1.5, "gone": 2.0} if maybe(0.4) else {},
        request_deadline_ms=float(random.choice([200.0, 200.0, 60.0, 30.0])),
        unit=str(random.choice(["request", "user"])),
        salt=int(random.integers(0, 2**63)),
        evaluation=evaluation if maybe(0.4) else None,
        cache_ttl_s=float(random.choice([30.0, 1.0, 0.08, 0.0])),
        shed_share=float(random.choice([0.0, 0.0, 0.2])),
    )


def random_conditions(random: np.random.Generator) -> Conditions:
    def maybe(share: float) -> bool:
        return bool(random.random() < share)

    return Conditions(
        arms={
            name: ArmConditions(
                delay_ms=float(random.choice([0.0, 60.0, 300.0])) if maybe(0.3) else 0.0,
                delay_share=float(random.choice([0.1, 0.4, 1.0])),
                error_share=float(random.choice([0.05, 0.4, 1.0])) if maybe(0.3) else 0.0,
                dead_replicas=int(random.integers(0, 4)) if maybe(0.3) else 0,
                delay_where=(("platform", "ios"), ("country", "de")) if maybe(0.3) else (),
                error_where=(("platform", "web"),) if maybe(0.3) else (),
                slow_replicas=int(random.integers(1, 3)) if maybe(0.3) else 0,
                slow_by_ms=50.0,
                work_factor=float(random.choice([1.0, 1.0, 5.0])),
            )
            for name in ("primary", "challenger")
        },
        cache_is_gone=maybe(0.1),
        frozen_groups=frozenset({"user_recent"}) if maybe(0.2) else frozenset(),
        null_share={"item_hour": float(random.choice([0.2, 1.0]))} if maybe(0.2) else {},
    )

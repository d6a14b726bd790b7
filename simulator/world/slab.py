"""A slab: visits under one plan and constant conditions, and what of it no state can change.

Identities, draws, own times, replicas and feature ages depend on the visit, the plan and the
conditions alone. They are made here at once, for the stepwise and the quiet service alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from controller.core.plan import Plan
from controller.settings import Settings
from serving.routing.deadline import Budget
from serving.routing.draw import salt_of
from simulator.spec import ArmModel, WorldSpec
from simulator.visits import MICROSECONDS, Floats, Integers, Visits
from simulator.world import draws
from simulator.world.conditions import Conditions, Where
from simulator.world.features import FeatureClock
from simulator.world.handled import SLOT_US
from simulator.world.replicas import Replicas
from simulator.world.segment_rows import inside
from simulator.world.state import ServiceState

CACHE_HIT_US = 1_000
DEAD_REPLICA_US = 1_000
"""How long it takes to be refused by a replica that is not there."""
LOCAL_SPREAD = 0.3
_US_PER_MS = 1_000


@dataclass(frozen=True, slots=True)
class Service:
    """What never changes during a run."""

    settings: Settings
    spec: WorldSpec
    segment_codes: Mapping[str, Integers]
    """By segment: each user's row of its values in the settings, -1 where not given."""
    seed: int


@dataclass(frozen=True, slots=True)
class ArmTimes:
    """Of every visit, were it to try this arm."""

    reaches: NDArray[np.bool_]
    """It meets a replica that lives, so it waits and is work."""
    fails: NDArray[np.bool_]
    own_us: Integers
    """Apart from the wait."""
    probe_us: Integers
    """The same of a probe."""


@dataclass(frozen=True, slots=True)
class ArmQueue:
    """How fast an arm works."""

    alive: int
    batch_size: int
    batch_us: int
    item_us: int

    @property
    def capacity_us(self) -> int:
        """Work done in a slot."""
        return self.alive * SLOT_US


class Slab:
    """Arms are numbered in the plan's order. Rows are those of ``visits``."""

    def __init__(
        self,
        service: Service,
        state: ServiceState,
        visits: Visits,
        plan: Plan,
        versions: Mapping[str, str],
        conditions: Conditions,
        from_us: int,
    ) -> None:
        settings = service.settings
        self.service, self.plan, self.visits, self.conditions = service, plan, visits, conditions
        self.from_us = from_us
        self.first_sequence = state.visits_seen
        self.arms = tuple(plan.arms)
        self.order = {name: i for i, name in enumerate(self.arms)}
        self.fallback = self.order.get(settings.fallback_arm, -1)
        self.versions = tuple(versions.get(name, "") for name in self.arms)
        self.in_process = np.array([is_in_process(settings, name) for name in self.arms])
        self.ttl_us = round(plan.cache_ttl_s * MICROSECONDS)
        self.reads_cache = np.array(
            [
                not in_process and self.ttl_us > 0 and version != ""
                for in_process, version in zip(self.in_process, self.versions, strict=True)
            ]
        )
        self.replicas = {name: state.replicas[name] for name in self.remote_arms}
        self._written_us = state.written_us
        self._times: dict[int, ArmTimes] = {}

    @property
    def remote_arms(self) -> list[str]:
        return [n for n, local in zip(self.arms, self.in_process, strict=True) if not local]

    @cached_property
    def queues(self) -> dict[str, ArmQueue]:
        return {
            name: _queue(
                self.service.spec.arm(name).dearer(self.conditions.of(name).work_factor),
                self.replicas[name],
            )
            for name in self.remote_arms
        }

    @cached_property
    def within_us(self) -> Integers:
        """By arm: how long a user's attempt may take; 0 is no time for one."""
        budget = Budget(0.0, self.plan.request_deadline_ms)
        times = [budget.attempt_ms(0.0, arm.deadline_ms) for arm in self.plan.arms.values()]
        return np.array([round(ms * _US_PER_MS) for ms in times], dtype=np.int64)

    @cached_property
    def probe_within_us(self) -> Integers:
        times = [arm.deadline_ms for arm in self.plan.arms.values()]
        return np.array([round(ms * _US_PER_MS) for ms in times], dtype=np.int64)

    @cached_property
    def request_id(self) -> draws.Words:
        v = self.visits
        partitions = self.service.settings.partitions
        return draws.request_ids(self.service.seed, v.number, v.router, partitions)

    @cached_property
    def user_hash(self) -> draws.Words:
        return draws.user_hashes(self.service.seed, self.visits.user)

    @cached_property
    def chances(self) -> draws.Chances:
        return draws.Chances.of(self.plan, self.service.settings.segments)

    @cached_property
    def chances_id(self) -> Integers:
        return self.chances.ids(self.service.segment_codes, self.visits.user)

    @cached_property
    def drawn(self) -> Integers:
        """The arm of each visit that is not shed."""
        plan = self.plan
        kind = plan.evaluation.unit if plan.evaluation else plan.unit
        units = self.user_hash if kind in ("user", "session") else self.request_id[:, 1]
        points = draws.uniform(np.ascontiguousarray(units), salt_of(plan))
        return draws.draw_arms(plan, self.chances, self.chances_id, points)

    @cached_property
    def local_us(self) -> Integers:
        return self._local(self.visits.z_local)

    @cached_property
    def local_probe_us(self) -> Integers:
        return self._local(self.visits.z_probe)

    @cached_property
    def events_us(self) -> Integers:
        """(n, groups) event time of the features that the visit would be answered by."""
        return FeatureClock(self.service.spec, self.service.settings.feature_groups).events_us(
            self.visits.at_us, self._written_us, self.conditions.frozen_groups, self.from_us
        )

    @cached_property
    def nulls(self) -> NDArray[np.bool_]:
        """(n, groups) features that come back empty."""
        groups = self.service.settings.feature_groups
        shares = np.array([self.conditions.null_share.get(group, 0.0) for group in groups])
        return np.asarray(self.visits.u_null[:, None] < shares)

    def times(self, arm: int) -> ArmTimes:
        """Of an arm that is not in-process."""
        if arm not in self._times:
            name = self.arms[arm]
            self._times[arm] = self._times_of(name, self.replicas[name])
        return self._times[arm]

    def _inside(self, where: Where) -> NDArray[np.bool_]:
        service = self.service
        return inside(where, service.settings.segments, service.segment_codes, self.visits.user)

    def _local(self, z: Floats) -> Integers:
        return _whole_us(self.service.spec.local_ms * np.exp(LOCAL_SPREAD * z))

    def _times_of(self, name: str, replicas: Replicas) -> ArmTimes:
        v, model = self.visits, self.service.spec.arm(name)
        wrong = self.conditions.of(name)
        replica, reaches = replicas.met_by(v.u_replica, v.at_us)
        dearer_us = round(max(0.0, wrong.work_factor - 1.0) * _US_PER_MS * model.item_ms)
        extra_us = np.full(len(v), dearer_us, dtype=np.int64)
        if wrong.slow_replicas > 0:
            is_slow = replica < replicas.dead + wrong.slow_replicas
            extra_us += np.where(is_slow, _us(wrong.slow_by_ms), 0)
        if wrong.delay_ms > 0.0:
            is_slow = (v.u_slow < wrong.delay_share) & self._inside(wrong.delay_where)
            extra_us += np.where(is_slow, _us(wrong.delay_ms), 0)
        if max(replicas.warm_us) > self.from_us:
            is_cold = v.at_us < np.array(replicas.warm_us, dtype=np.int64)[replica]
            extra_us += np.where(is_cold, _us(model.cold_ms), 0)

        def own_us(z: Floats) -> Integers:
            alive_us = _whole_us(model.latency_ms * np.exp(model.spread * z)) + extra_us
            return np.where(reaches, alive_us, DEAD_REPLICA_US)

        fails = ((v.u_error < wrong.error_share) & self._inside(wrong.error_where)) | ~reaches
        return ArmTimes(reaches, fails, own_us(v.z_service), own_us(v.z_probe))


def mean_local_ms(spec: WorldSpec) -> float:
    """What an answer inside the router takes on average: the mean of its lognormal."""
    return spec.local_ms * math.exp(LOCAL_SPREAD**2 / 2.0)


def is_in_process(settings: Settings, name: str) -> bool:
    """Answered inside the router, from memory. Arms that only the plan names are not."""
    arm = settings.arms.get(name)
    return arm is not None and arm.in_process


def _queue(model: ArmModel, replicas: Replicas) -> ArmQueue:
    return ArmQueue(replicas.alive, model.batch_size, _us(model.batch_ms), _us(model.item_ms))


def _us(milliseconds: float) -> int:
    return round(milliseconds * _US_PER_MS)


def _whole_us(milliseconds: Floats) -> Integers:
    return np.rint(milliseconds * _US_PER_MS).astype(np.int64)

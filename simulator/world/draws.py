"""Identities and the draw for many requests at once: the twin of `serving.routing.draw`.

Every number is made in the order and precision of the original, so that both agree bit for bit;
a property test proves it. Knows neither time nor the state of the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from controller.core.plan import Plan
from serving.routing.draw import propensities
from serving.routing.draw import splitmix64 as splitmix64_of_one
from simulator.splitmix import splitmix64
from simulator.visits import Floats, Integers

Words = NDArray[np.uint64]

_MASK = (1 << 64) - 1
_REQUEST_SALT = 0x5E1F_0001_0000_0000
_PROBE_SALT = 0x5E1F_0002_0000_0000
_USER_SALT = 0x5E1F_0003_0000_0000
_HIGH_SALT = np.uint64(0x5E1F_0004_0000_0000)


def uniform(units: Words, salt: int) -> Floats:
    """Numbers in [0, 1) that only the unit and the salt decide."""
    scrambled = splitmix64(units ^ np.uint64(salt & _MASK)) >> np.uint64(11)
    return scrambled.astype(np.float64) / float(1 << 53)


def request_ids(seed: int, numbers: Words, routers: Integers, partitions: int) -> Words:
    """(n, 2) halves of the ids of users' requests: the partition on top, the draw's unit below."""
    return _ids(splitmix64(numbers ^ _key(seed, _REQUEST_SALT)), routers, partitions)


def probe_ids(
    seed: int, numbers: Words, routers: Integers, partitions: int, arms: Integers
) -> Words:
    """(n, 2) halves of the ids of copies sent to the arms of these numbers."""
    salted = numbers ^ splitmix64(arms.astype(np.uint64))
    return _ids(splitmix64(salted ^ _key(seed, _PROBE_SALT)), routers, partitions)


def user_hashes(seed: int, users: Integers) -> Words:
    """64 bits that name each user (a row of the population) without telling who it is."""
    return splitmix64(users.astype(np.uint64) ^ _key(seed, _USER_SALT))


def _key(seed: int, salt: int) -> np.uint64:
    return np.uint64(splitmix64_of_one((seed & _MASK) ^ salt))


def _ids(low: Words, routers: Integers, partitions: int) -> Words:
    partition = (routers % partitions).astype(np.uint64) << np.uint64(48)
    high = partition | (splitmix64(low ^ _HIGH_SALT) >> np.uint64(16))
    return np.stack([high, low], axis=1)


@dataclass(frozen=True, slots=True)
class Chances:
    """The distinct propensities of a plan, and which of them each user has at a draw."""

    distinct: tuple[Mapping[str, float], ...]
    of_combination: Integers
    """By the combination of the segments that the plan's splits name."""
    segments: tuple[tuple[str, int], ...]
    """Those segments, with the weight of each one's code in the combination."""

    @classmethod
    def of(cls, plan: Plan, segments: Mapping[str, tuple[str, ...]]) -> Chances:
        named = {name for split in plan.splits for name in split.where}
        names = [name for name in segments if name in named]
        distinct: list[Mapping[str, float]] = []
        found = []
        for values in product(*[(None, *segments[name]) for name in names]):
            present = {n: v for n, v in zip(names, values, strict=True) if v is not None}
            chances = propensities(plan, present)
            if chances not in distinct:
                distinct.append(chances)
            found.append(distinct.index(chances))
        weights = [1] * len(names)
        for i in range(len(names) - 2, -1, -1):
            weights[i] = weights[i + 1] * (len(segments[names[i + 1]]) + 1)
        return cls(
            tuple(distinct),
            np.array(found, dtype=np.int64),
            tuple(zip(names, weights, strict=True)),
        )

    def ids(self, codes: Mapping[str, Integers], users: Integers) -> Integers:
        """Which of ``distinct`` holds for each of ``users``; code -1 is a segment not given."""
        combination = np.zeros(len(users), dtype=np.int64)
        for name, weight in self.segments:
            combination += (codes[name][users] + 1) * weight
        return self.of_combination[combination]


def draw_arms(plan: Plan, chances: Chances, chances_id: Integers, points: Floats) -> Integers:
    """The arm drawn, in the plan's order, for each point of the unit interval."""
    order = {name: i for i, name in enumerate(plan.arms)}
    drawn = np.empty(len(points), dtype=np.int64)
    for i, distinct in enumerate(chances.distinct):
        mine = slice(None) if len(chances.distinct) == 1 else np.flatnonzero(chances_id == i)
        drawn[mine] = _arms_at(plan, distinct, order, points[mine])
    return drawn


def _arms_at(
    plan: Plan, chances: Mapping[str, float], order: Mapping[str, int], points: Floats
) -> Integers:
    """Edges are summed exactly as the router sums them, or a point could fall elsewhere."""
    control = plan.control_share if plan.control_arm in plan.arms else 0.0
    edge, edges, arms = control, [], []
    for name, chance in chances.items():
        own = chance - (control if name == plan.control_arm else 0.0)
        if own > 0.0:
            edge += own
            edges.append(edge)
            arms.append(order[name])
    if not arms:
        return np.full(len(points), order[plan.control_arm], dtype=np.int64)
    place = np.minimum(np.searchsorted(edges, points, side="right"), len(arms) - 1)
    drawn = np.array(arms, dtype=np.int64)[place]
    if control > 0.0:
        drawn[points < control] = order[plan.control_arm]
    return drawn

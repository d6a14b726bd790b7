"""Who it is that comes: users in sessions for the base stream, passers-by for crowds.

The model of `arrivals.visitors`, a block at a time. One difference: here an active user may hold
two seats, so that users come exactly as often as their activity says.
"""

from __future__ import annotations

import numpy as np

from simulator.population.arrivals import SESSION_GAP_S, SESSION_SLATES
from simulator.population.grouping import grouped
from simulator.population.people import Floats, Integers, Population
from simulator.population.streams import Streams


class PassersBy:
    """Every visit is by a user drawn by activity."""

    def __init__(self, population: Population, streams: Streams, name: str) -> None:
        self._cumulated = np.cumsum(population.activity)
        self._streams = streams
        self._name = name

    def users(self, block: int, count: int) -> Integers:
        return drawn_users(
            self._cumulated, self._streams.named(f"{self._name} users", block), count
        )


class Seats:
    """Some users are in a session at any time; each visit is by one of them, and whoever leaves
    is replaced by a user drawn by activity. State goes from block to block."""

    def __init__(
        self, population: Population, streams: Streams, name: str, rate_per_s: float
    ) -> None:
        users = len(population.user_ids)
        self._cumulated = np.cumsum(population.activity)
        self._streams = streams
        self._name = name
        seats = max(1, min(round(rate_per_s * SESSION_GAP_S), users // 3))
        first = streams.named(f"{name} first users")
        self._owners = drawn_users(self._cumulated, first, seats)

    def users(self, block: int, count: int) -> Integers:
        """(count,) user rows in order of arrival; blocks come in ascending order."""
        named, name, owners = self._streams.named, self._name, self._owners
        seats = named(f"{name} seats", block).integers(len(owners), size=count)
        leaves = named(f"{name} leaving", block).random(count) < 1.0 / SESSION_SLATES
        newcomers = np.full(count, -1, dtype=np.int64)
        newcomers[leaves] = drawn_users(
            self._cumulated, named(f"{name} newcomers", block), int(leaves.sum())
        )
        groups = grouped(seats, len(owners))
        placed = np.arange(count)
        left = np.maximum.accumulate(np.where(leaves[groups.order], placed, -1))
        """By place: where somebody last left, this visit included, maybe of another seat."""
        before = np.concatenate([[-1], left[:-1]]) if count else left
        by_seat = newcomers[groups.order]
        sits = np.where(before >= groups.first, by_seat[before], owners[seats[groups.order]])
        came = np.empty(count, dtype=np.int64)
        came[groups.order] = sits
        changed = groups.is_last & (left >= groups.first)
        owners[seats[groups.order[changed]]] = by_seat[left[changed]]
        return came


def drawn_users(cumulated: Floats, stream: np.random.Generator, count: int) -> Integers:
    """(count,) user rows, each as likely as its step in ``cumulated``, which ends at about 1."""
    rows = np.searchsorted(cumulated, stream.random(count) * cumulated[-1], side="right")
    return np.asarray(np.minimum(rows, len(cumulated) - 1), dtype=np.int64)

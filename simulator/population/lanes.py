"""Independent streams of visits: the base stream and one for each announced crowd.

A lane has its own arrivals, users, fatigue, luck and numbers, so that a lane more or less changes
nothing in another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulator.population import luck
from simulator.population.bursts import height, highest
from simulator.population.fatigue import Fatigue
from simulator.population.people import Floats, Integers
from simulator.population.streams import Streams
from simulator.spec import Burst
from simulator.visits import MICROSECONDS, Visits

BLOCK_S = 60
BLOCK_US = BLOCK_S * MICROSECONDS
_INDEX_BITS = 24
_LANE_SHIFT = 47
"""A visit's number is lane, block and index: 17, 23 and 24 bits."""


class Who(Protocol):
    def users(self, block: int, count: int) -> Integers: ...


@dataclass(frozen=True, slots=True)
class Rate:
    """Visits per second in a block: at most ``highest``, and ``share`` of it at (n,) seconds of
    the run; None: all of it at all times."""

    highest: float
    share: Callable[[Floats], Floats] | None = None


class Lane:
    """Blocks are asked for in ascending order; those skipped come when a later one is asked for
    and are thrown away, for users and fatigue follow from them."""

    def __init__(
        self,
        streams: Streams,
        name: str,
        rate: Callable[[int], Rate],
        who: Who,
        fatigue: Fatigue,
        *,
        number: int = 0,
        warm_up_blocks: int = 0,
    ) -> None:
        """``warm_up_blocks`` before the run began, so that nobody is fresh when it does."""
        self._streams = streams
        self._name = name
        self._rate = rate
        self._who = who
        self._fatigue = fatigue
        self._number = number
        self._next = -warm_up_blocks

    def arrivals(self, block: int) -> tuple[Integers, Integers, Floats]:
        """(times, user rows, fatigue) of a block; base times are even, those of crowds odd, so
        that they never meet. Raise ValueError for a block that is over."""
        if block < self._next:
            raise ValueError(f"block {block} is over; the next one is {self._next}")
        while self._next < block:
            self._advance()
        return self._advance()

    def visits(self, block: int, slate_size: int, routers: int) -> Visits:
        """All columns of a block. Raise ValueError for a block that is over."""
        at_us, users, fatigue = self.arrivals(block)
        count = len(at_us)
        first = self._number << _LANE_SHIFT | block << _INDEX_BITS
        number = np.uint64(first) + np.arange(count, dtype=np.uint64)
        columns = luck.drawn(self._streams, self._name, block, (count, slate_size), routers)
        return Visits(number=number, at_us=at_us, user=users, fatigue=fatigue, **columns)  # type: ignore[arg-type]

    def _advance(self) -> tuple[Integers, Integers, Floats]:
        block, self._next = self._next, self._next + 1
        at_us = self._times(block)
        users = self._who.users(block, len(at_us))
        fatigue = self._fatigue.of(users, at_us / MICROSECONDS, float(block * BLOCK_S))
        return at_us, users, fatigue

    def _times(self, block: int) -> Integers:
        """Strictly ascending microseconds; thinned (Lewis and Shedler 1979) to the rate's shape."""
        rate = self._rate(block)
        if rate.highest <= 0.0:
            return np.zeros(0, dtype=np.int64)
        stream = self._streams.named(f"{self._name} times", block)
        slots = np.sort(stream.integers(BLOCK_US // 2, size=stream.poisson(rate.highest * BLOCK_S)))
        if rate.share is not None:
            kept = self._streams.named(f"{self._name} thinning", block).random(len(slots))
            at_s = block * BLOCK_S + 2 * slots / MICROSECONDS
            slots = slots[kept < rate.share(at_s)]
        return block * BLOCK_US + 2 * apart(slots, BLOCK_US // 2) + (self._number > 0)


def apart(ascending: Integers, end: int) -> Integers:
    """Strictly ascending and before ``end``: equal ones move on, and back again from the end."""
    places = np.arange(len(ascending))
    later = np.maximum.accumulate(ascending - places) + places
    return np.minimum(later, end - len(ascending) + places)


def merged(parts: list[Visits], block: int) -> Visits:
    """One block of several lanes in order of time; only crowds' visits move, and by microseconds,
    where two of them meet."""
    parts = [part for part in parts if len(part)] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in Visits.__slots__
    }
    crowds = columns["number"] >= np.uint64(1 << _LANE_SHIFT)
    rows = np.flatnonzero(crowds)
    rows = rows[np.lexsort((columns["number"][rows], columns["at_us"][rows]))]
    start = block * BLOCK_US
    slots = (columns["at_us"][rows] - start) // 2
    columns["at_us"][rows] = start + 2 * apart(slots, BLOCK_US // 2) + 1
    order = np.argsort(columns["at_us"], kind="stable")
    return Visits(**{name: column[order] for name, column in columns.items()})


def burst_rate(burst: Burst, mean_per_s: float) -> Callable[[int], Rate]:
    """The rate of a crowd by block."""

    def rate(block: int) -> Rate:
        most = highest(burst, block * BLOCK_S, (block + 1) * BLOCK_S)
        return Rate(mean_per_s * most, lambda at_s: height(burst, at_s) / most)

    return rate

"""When requests come and from whom: open loop, fixed by the seed before anything is answered."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulator.population.people import Population
from simulator.population.streams import Streams

SESSION_SLATES = 24.0
"""Mean slates of a session (geometric)."""
SESSION_GAP_S = 4.0
"""About the mean time between two slates of one session; the crowd's size follows from it."""


def poisson(stream: np.random.Generator, rate_per_s: float) -> Iterator[float]:
    """Seconds after the start of each arrival, without end."""
    at_s = 0.0
    while True:
        for gap_s in stream.exponential(1.0 / rate_per_s, size=256):
            at_s += float(gap_s)
            yield at_s


def visitors(population: Population, streams: Streams, rate_per_s: float) -> Iterator[int]:
    """The user (row) of each arrival, without end: some users are in a session at any time; each
    arrival is one of them, and whoever leaves is replaced by a user drawn by activity."""
    stream = streams.named("visitors")
    users = len(population.user_ids)
    present = max(1, min(round(rate_per_s * SESSION_GAP_S), users // 3))
    here = stream.choice(users, present, replace=False, p=population.activity)
    while True:
        seat = int(stream.integers(present))
        yield int(here[seat])
        if stream.random() < 1.0 / SESSION_SLATES:
            newcomer = int(stream.choice(users, p=population.activity))
            if newcomer not in here:
                here[seat] = newcomer

"""Whoever has seen many slates in the last minutes clicks less, whatever was on them."""

from __future__ import annotations

import numpy as np

from simulator.population.grouping import grouped
from simulator.population.people import Floats, Integers

FATIGUE_S = 60.0
"""A slate seen this long ago counts 1/e."""
FATIGUE_MAX = 1.5
"""Log-odds; nobody tires beyond it."""


class Fatigue:
    """An exponentially fading count of each user's visits: of when they came, not of what they
    were shown, so it is the same under every plan."""

    def __init__(self, users: int, per_slate: float) -> None:
        self._per_slate = per_slate
        self._seen = np.zeros(users)
        """As of ``_at_s``."""
        self._at_s = 0.0

    def of(self, users: Integers, at_s: Floats, block_s: float) -> Floats:
        """(n,) log-odds lost at each visit of a block that began at ``block_s``; ascending."""
        self._seen *= np.exp((self._at_s - block_s) / FATIGUE_S)
        self._at_s = block_s
        weights = np.exp((at_s - block_s) / FATIGUE_S)
        groups = grouped(users, len(self._seen))
        placed = weights[groups.order]
        earlier = np.cumsum(placed) - placed
        own = np.maximum(earlier - earlier[groups.first], 0.0)
        seen = np.empty(len(users))
        seen[groups.order] = (self._seen[users[groups.order]] + own) / placed
        self._seen += np.bincount(users, weights, minlength=len(self._seen))
        return np.asarray(np.minimum(self._per_slate * seen, FATIGUE_MAX))

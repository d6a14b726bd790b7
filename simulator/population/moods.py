"""What a user is in the mood for: a theme that changes by the minute, and what they just clicked.

Only lately clicked items tell a recommender about it, so stale or garbled ones cost clicks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.population.people import Floats, Integers, Population
from simulator.population.streams import Streams
from simulator.splitmix import splitmix64

THEME_S = 300.0
"""A user stays with a theme for this long."""
THEME_WEIGHT = 2.0
"""The theme weighs as much as this many fresh clicks."""
HALF_LIFE_S = 30.0
"""What was clicked this long ago counts half in the mood."""
SEEN_WEIGHT = 0.05
"""What a slate's items count when merely seen; a click counts 1."""


class Moods:
    """The session interest of every user. Grows with clicks, fades with time."""

    def __init__(self, population: Population) -> None:
        self._population = population
        users, dimensions = population.taste.shape
        self._recent = np.zeros((users, dimensions))
        self._at_s = np.full(users, -np.inf)
        self._cumulated = np.cumsum(population.theme_chances, axis=1)
        streams = Streams(population.seed)
        phases_s = streams.named("theme phase").uniform(0, THEME_S, size=users)
        self._phase_s: Floats = np.asarray(phases_s)
        salt = streams.named("theme").integers(2**63, size=users, dtype=np.uint64)
        self._salt: NDArray[np.uint64] = np.asarray(salt)

    def themes(self, users: Integers, at_s: Floats) -> Integers:
        """The theme of each user at its time: a function of both alone, no state."""
        slots = ((at_s + self._phase_s[users]) // THEME_S).astype(np.uint64)
        draws = splitmix64(self._salt[users] ^ slots).astype(np.float64) / 2.0**64
        chosen = (self._cumulated[users] < draws[:, None]).sum(axis=1)
        return np.asarray(np.minimum(chosen, self._cumulated.shape[1] - 1), dtype=np.int64)

    def vectors(self, users: Integers, at_s: Floats) -> Floats:
        """(len(users), dimensions): the mood of each user at its time, of length 1 at most."""
        recent = self.recents(users, at_s)
        theme = self._population.centroids[self.themes(users, at_s)]
        length = np.linalg.norm(recent, axis=1, keepdims=True)
        return np.asarray((THEME_WEIGHT * theme + recent) / (THEME_WEIGHT + length))

    def recents(self, users: Integers, at_s: Floats) -> Floats:
        """(len(users), dimensions): only what they lately clicked, of length 1 at most."""
        recent = self._faded(users, at_s)
        return np.asarray(recent / np.maximum(np.linalg.norm(recent, axis=1, keepdims=True), 1.0))

    def follow(
        self, users: Integers, slates: Integers, clicked: NDArray[np.bool_], at_s: Floats
    ) -> None:
        """Users saw slates (n, k) of item rows and clicked some; a user at most once per call."""
        weights = np.where(clicked, 1.0, SEEN_WEIGHT / slates.shape[1])
        vectors = self._population.item_vectors[slates]
        pull = np.einsum("nk,nkd->nd", weights, vectors)
        self._recent[users] = self._faded(users, at_s) + pull
        self._at_s[users] = at_s

    def _faded(self, users: Integers, at_s: Floats) -> Floats:
        elapsed_s = np.maximum(at_s - self._at_s[users], 0.0)
        return np.asarray(self._recent[users] * np.exp2(-elapsed_s / HALF_LIFE_S)[:, None])

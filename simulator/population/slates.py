"""What an arm shows: tables of the best items by what its model knows of users and themes.

A model of quality q ranks by q times the truth as of its training and 1 - q times its own error.
Whose features are old is shown what fitted the theme they were in then. Trends no model knows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simulator.population.catalogue import Catalogue
from simulator.population.clicks import ClickWeights
from simulator.population.moods import Moods
from simulator.population.people import Integers, Population
from simulator.population.streams import Streams
from simulator.spec import ArmModel
from simulator.visits import MICROSECONDS

NO_FEATURES = -1
"""The features' time of a request that had none."""
TABLES_KEPT = 16
CELLS = 1 << 20
"""Users times items ranked at once: bounds the memory."""

Table = NDArray[np.int32]


class Slates:
    """Looks up; a table is made when its model is first asked."""

    def __init__(
        self,
        population: Population,
        catalogue: Catalogue,
        moods: Moods,
        streams: Streams,
        *,
        start_s: float,
        slate_size: int,
    ) -> None:
        self._population = population
        self._catalogue = catalogue
        self._moods = moods
        self._streams = streams
        self._start_s = start_s
        self._size = slate_size
        self._weights = ClickWeights()
        self._table = lru_cache(maxsize=TABLES_KEPT)(self._ranked)
        self._popular = np.argsort(-population.popularity, kind="stable")[:slate_size]

    def shown(
        self, arm: ArmModel, trained_at_us: int, users: Integers, features_at_us: Integers
    ) -> Integers:
        """(n, k) item rows, the best first. ``features_at_us``: of when the features are."""
        if not arm.personal:
            return np.tile(self._popular, (len(users), 1))
        at_s = self._start_s + features_at_us / MICROSECONDS
        themes = self._moods.themes(users, at_s)
        known = np.where(features_at_us == NO_FEATURES, len(self._population.centroids), themes)
        return self._table(arm.quality, trained_at_us)[known, users].astype(np.int64)

    def _ranked(self, quality: float, trained_at_us: int) -> Table:
        """(themes + 1, users, k) item rows; the last is for users of whom no theme is known.

        The error is half about the user, half about the theme, and named by quality and time of
        training: how fast an arm is changes nothing.
        """
        people, weights = self._population, self._weights
        vectors = self._catalogue.vectors(trained_at_us)
        taste = weights.taste * (people.taste @ vectors.T)
        mood = weights.mood * (people.centroids @ vectors.T)
        true, wrong = quality / np.hypot(taste.std(), mood.std()), (1.0 - quality) / np.sqrt(2.0)
        mood = (
            true * np.vstack([mood, np.zeros(mood.shape[1])])
            + true * weights.appeal * people.appeal
        )
        error = self._streams.named(f"model of quality {quality!r} trained at {trained_at_us}")
        by_theme = (mood + wrong * error.standard_normal(mood.shape)).astype(np.float32)
        users, items = taste.shape
        table = np.empty((len(by_theme), users, self._size), dtype=np.int32)
        step = max(1, CELLS // items)
        for start in range(0, users, step):
            part = slice(start, min(start + step, users))
            noise = error.standard_normal((part.stop - start, items), dtype=np.float32)
            by_user = (true * taste[part] + wrong * noise).astype(np.float32)
            for theme, of_theme in enumerate(by_theme):
                table[theme, part] = best(by_user + of_theme, self._size)
        return table


def best(scores: NDArray[np.float32], size: int) -> Integers:
    """(n, size) columns of the highest scores of each row, the highest first."""
    rows = np.argpartition(scores, scores.shape[1] - size, axis=1)[:, -size:]
    order = np.argsort(np.take_along_axis(scores, rows, axis=1), axis=1, kind="stable")
    return np.take_along_axis(rows, order[:, ::-1], axis=1)

"""The items as they come and go: a function of time alone, so no state and no order of asking."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from simulator.population.people import Floats, Population, unit_rows
from simulator.population.streams import Streams

DAY_US = 86_400_000_000
ITEM_SPREAD = 0.6
"""How far an item lies from its theme, as in `generated`."""


class Catalogue:
    """Rows are replaced one after another, evenly in time, in an order drawn once. A row keeps its
    place and its popularity and gets another theme and vector."""

    def __init__(self, population: Population, streams: Streams, churn_per_day: float) -> None:
        self._population = population
        self._streams = streams
        self._items = len(population.item_ids)
        self._churn_per_day = churn_per_day
        self._order = streams.named("churn order").permutation(self._items)
        self._vectors = lru_cache(maxsize=8)(self._made)
        self._newcomer = lru_cache(maxsize=2 * self._items)(self._drawn)

    def replaced(self, at_us: int) -> int:
        """How many replacements there were until ``at_us`` of the run; none before it."""
        return int(max(at_us, 0) * (self._items * self._churn_per_day) / DAY_US)

    def vectors(self, at_us: int) -> Floats:
        """(items, dimensions) unit rows as of ``at_us``; do not write to them."""
        return self._vectors(self.replaced(at_us))

    def _made(self, replaced: int) -> Floats:
        vectors = self._population.item_vectors.copy()
        rounds, left = divmod(replaced, self._items)
        for place, row in enumerate(self._order.tolist()):
            generation = rounds + (place < left)
            if generation == 0:
                break
            vectors[row] = self._newcomer(row, generation)
        return vectors

    def _drawn(self, row: int, generation: int) -> Floats:
        stream = self._streams.named(f"item {row}", generation)
        themes, dimensions = self._population.centroids.shape
        centroid = self._population.centroids[stream.integers(themes)]
        spread = stream.normal(size=dimensions) * ITEM_SPREAD / np.sqrt(dimensions)
        return np.asarray(unit_rows((centroid + spread)[None, :])[0])

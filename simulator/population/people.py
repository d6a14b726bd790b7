"""The population itself: users with tastes, items with vectors, and nothing that moves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Population:
    """Users and items in one space of ``dimensions``.

    ``taste`` is (users, dimensions) and ``item_vectors`` (items, dimensions), rows of length 1,
    so that their product is a cosine. ``popularity`` (items) and ``activity`` (users) sum to 1.
    ``clusters`` (items) numbers the theme an item belongs to, ``centroids`` (themes, dimensions)
    are the themes' unit vectors.
    """

    seed: int
    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    taste: Floats
    activity: Floats
    item_vectors: Floats
    popularity: Floats
    clusters: Integers
    centroids: Floats

    @cached_property
    def item_index(self) -> dict[str, int]:
        """Item id to row."""
        return {item_id: row for row, item_id in enumerate(self.item_ids)}

    @cached_property
    def appeal(self) -> Floats:
        """Standardized log popularity (items): what everybody likes a little more."""
        log = np.log(self.popularity)
        spread = log.std()
        return (log - log.mean()) / spread if spread > 0 else np.zeros_like(log)

    @cached_property
    def theme_chances(self) -> Floats:
        """(users, themes), rows sum to 1: what a user may be in the mood for."""
        weights = np.exp(_THEME_SHARPNESS * (self.taste @ self.centroids.T))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


_THEME_SHARPNESS = 1.0


def unit_rows(vectors: Floats) -> Floats:
    """Rows scaled to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def themes_of(item_vectors: Floats, themes: int, seed: int) -> tuple[Integers, Floats]:
    """Cluster the items: (cluster number per item, unit centroids)."""
    from sklearn.cluster import KMeans  # noqa: PLC0415  (half a second, only to make a population)

    themes = min(themes, len(item_vectors))
    fitted = KMeans(n_clusters=themes, n_init=1, random_state=seed % 2**32).fit(item_vectors)
    return fitted.labels_.astype(np.int64), unit_rows(fitted.cluster_centers_.astype(np.float64))

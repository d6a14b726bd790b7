"""A population from a seed alone, for machines without a ratings file."""

from __future__ import annotations

import numpy as np

from simulator.population.people import Floats, Population, unit_rows
from simulator.population.streams import Streams

DIMENSIONS = 8
THEMES = 12
POPULARITY_EXPONENT = 0.5
"""Rating counts of real catalogues fall with rank to the -0.44 to -0.48."""
ACTIVITY_PARETO = 1.3
"""Heavy-tailed activity: the usual range is 1.2 to 1.5."""


def generated(
    seed: int,
    users: int = 1_000,
    items: int = 1_000,
    *,
    popularity_exponent: float = POPULARITY_EXPONENT,
    activity_pareto: float = ACTIVITY_PARETO,
) -> Population:
    """Users with a few liked themes, items around themes, heavy-tailed on both sides."""
    streams = Streams(seed)
    centroids = unit_rows(streams.named("themes").normal(size=(THEMES, DIMENSIONS)))
    item_stream = streams.named("items")
    clusters = item_stream.integers(THEMES, size=items)
    spread = item_stream.normal(size=(items, DIMENSIONS)) * 0.6 / np.sqrt(DIMENSIONS)
    user_stream = streams.named("users")
    liked = user_stream.dirichlet(np.full(THEMES, 0.15), size=users)
    own = user_stream.normal(size=(users, DIMENSIONS)) * 0.4 / np.sqrt(DIMENSIONS)
    return Population(
        seed=seed,
        user_ids=tuple(f"u{number}" for number in range(users)),
        item_ids=tuple(f"i{number}" for number in range(items)),
        taste=unit_rows(liked @ centroids + own),
        activity=heavy_tailed(streams.named("activity"), users, activity_pareto),
        item_vectors=unit_rows(centroids[clusters] + spread),
        popularity=ranked(streams.named("popularity"), items, popularity_exponent),
        clusters=clusters,
        centroids=centroids,
    )


def heavy_tailed(stream: np.random.Generator, count: int, exponent: float) -> Floats:
    """Pareto weights that sum to 1, capped so that nobody is more than a twentieth of it all."""
    weights = stream.pareto(exponent, size=count) + 1.0
    weights = np.minimum(weights, weights.sum() / 20)
    return np.asarray(weights / weights.sum())


def ranked(stream: np.random.Generator, count: int, exponent: float) -> Floats:
    """Weights that fall with rank to a power, in random order; they sum to 1."""
    weights = stream.permutation(np.arange(1, count + 1, dtype=np.float64) ** -exponent)
    return np.asarray(weights / weights.sum())

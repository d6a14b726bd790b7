"""A population from real ratings: tastes and item vectors by truncated SVD.

Only the order of preference is used. The file's timestamps are sign-up bursts, not arrivals.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from controller.errors import BadInput
from simulator.population.people import Floats, Integers, Population, themes_of, unit_rows
from simulator.population.ratings_file import Ratings, read_ratings

DIMENSIONS = 8
THEMES = 12
LIKING_WEIGHT = 0.4
"""How much a star above one's own mean counts, beside having chosen the item at all."""


def from_ratings(path: Path, seed: int = 1, most_rated: int = 1_500) -> Population:
    """Users and their ``most_rated`` items. Raise BadInput on a malformed file.

    Activity and popularity are the counts of ratings, so both keep the tails of the data.
    """
    ratings = _most_rated(read_ratings(path), most_rated)
    users, items = len(ratings.user_ids), len(ratings.item_ids)
    if min(users, items) <= DIMENSIONS:
        raise BadInput(
            f"has {users} users and {items} items; more than {DIMENSIONS} of each are needed",
            file=str(path),
        )
    user_counts = np.bincount(ratings.users, minlength=users).astype(np.float64)
    item_counts = np.bincount(ratings.items, minlength=items).astype(np.float64)
    taste, vectors = _factorized(ratings, user_counts, item_counts, seed)
    clusters, centroids = themes_of(vectors, THEMES, seed)
    return Population(
        seed=seed,
        user_ids=ratings.user_ids,
        item_ids=ratings.item_ids,
        taste=taste,
        activity=user_counts / user_counts.sum(),
        item_vectors=vectors,
        popularity=item_counts / item_counts.sum(),
        clusters=clusters,
        centroids=centroids,
    )


def _most_rated(ratings: Ratings, limit: int) -> Ratings:
    counts = np.bincount(ratings.items, minlength=len(ratings.item_ids))
    kept_items = np.sort(np.argsort(-counts, kind="stable")[:limit])
    keep = np.isin(ratings.items, kept_items)
    kept_users = np.unique(ratings.users[keep])
    return Ratings(
        tuple(ratings.user_ids[row] for row in kept_users),
        tuple(ratings.item_ids[row] for row in kept_items),
        _renumbered(ratings.users[keep], kept_users),
        _renumbered(ratings.items[keep], kept_items),
        ratings.values[keep],
    )


def _renumbered(rows: Integers, kept: Integers) -> Integers:
    return np.searchsorted(kept, rows).astype(np.int64)


def _factorized(
    ratings: Ratings, user_counts: Floats, item_counts: Floats, seed: int
) -> tuple[Floats, Floats]:
    """(taste, item vectors), unit rows. Popularity is divided out: it has its own place."""
    means = np.bincount(ratings.users, ratings.values, len(user_counts)) / user_counts
    liking = np.clip(1.0 + LIKING_WEIGHT * (ratings.values - means[ratings.users]), 0.05, None)
    weights = liking / np.sqrt(user_counts[ratings.users] * item_counts[ratings.items])
    from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415  (half a second, only here)

    matrix = csr_matrix(
        (weights, (ratings.users, ratings.items)), shape=(len(user_counts), len(item_counts))
    )
    svd = TruncatedSVD(DIMENSIONS + 1, n_iter=4, random_state=seed % 2**32)
    left = svd.fit_transform(matrix)
    # The first component is "rates at all"; taste is what remains.
    scale = np.sqrt(svd.singular_values_[1:])
    return unit_rows(left[:, 1:] / scale), unit_rows(svd.components_[1:].T * scale)

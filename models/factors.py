"""User and item vectors from clicks: a truncated SVD of the normalized click matrix (PureSVD).

Method: Cremonesi, Koren, Turrin, "Performance of recommender algorithms on top-N recommendation
tasks", RecSys 2010; randomized SVD by Halko, Martinsson, Tropp 2011. Deterministic by seed.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils.extmath import randomized_svd

from models.events import Events
from models.factorization import Factors


def fit_factors(events: Events, *, dims: int, seed: int) -> Factors:
    """Vectors for every user and item of the events; those without clicks get zeros.

    Raise ValueError where there are fewer than two users or items.
    """
    users, items = len(events.user_ids), len(events.item_ids)
    if min(users, items) < 2:
        raise ValueError(f"vectors need 2 users and 2 items, not {users} and {items}")
    clicks = events.rows(events.clicked)
    ones = np.ones(len(clicks))
    matrix = csr_matrix((ones, (clicks.user, clicks.item)), shape=(users, items))
    matrix.sum_duplicates()
    matrix.data = np.log1p(matrix.data)
    row_scale = 1.0 / np.sqrt(np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1.0))
    column_scale = 1.0 / np.sqrt(np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1.0))
    scaled = matrix.multiply(row_scale[:, None]).multiply(column_scale[None, :]).tocsr()
    _, _, right = randomized_svd(scaled, min(dims, users - 1, items - 1), random_state=seed)
    vectors = right.T
    # A common scale, so that u·v and r·v are of the order of one whatever the catalogue's size.
    vectors = vectors * np.sqrt(items / max(vectors.shape[1], 1))
    return Factors(
        user_ids=events.user_ids,
        users=np.asarray(scaled @ vectors, dtype=np.float32),
        item_ids=events.item_ids,
        items=vectors.astype(np.float32),
        item_bias=np.log1p(np.bincount(clicks.item, minlength=items)).astype(np.float32),
    )

"""The recommender that needs nothing: the most clicked items, from memory, the same for everyone.

It is the last resort of the service, so it has no inputs that could be missing, stale or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from models.recommender import Array, FeatureValues, Scored


class Popularity:
    """``item_ids`` (n strings) best first, ``scores`` (n float32) descending."""

    kind: ClassVar[str] = "popularity"

    def __init__(self, version: str, item_ids: Array, scores: Array) -> None:
        self.version = version
        self._item_ids = tuple(str(item) for item in item_ids)
        self._scores = tuple(float(score) for score in scores.astype(np.float32))

    @classmethod
    def from_arrays(
        cls, version: str, arrays: Mapping[str, Array], parameters: Mapping[str, float]
    ) -> Popularity:
        """See `models.recommender.Kind`."""
        del parameters  # it has none
        return cls(version, arrays["item_ids"], arrays["scores"])

    def recommend(self, user_id: int, k: int, features: FeatureValues) -> Scored:
        """See `models.recommender.Recommender`. User and features are deliberately unused."""
        del user_id, features
        return Scored(self._item_ids[:k], self._scores[:k], {})

"""What a recommender is: anything that ranks items for a user, from features it is handed.

Knows nothing of HTTP, Redis or arms. A recommender never waits and never fails for a user it does
not know: it answers from memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class FeatureValues:
    """Feature groups as served. Recommenders read; nobody writes into the mapping.

    ``recent_items``: what the user clicked, newest first, at most 20. ``item_counts_1h``: clicks
    per item in the last hour; handing over the same object again lets a recommender reuse what it
    derived from it, so keep one object per refresh.
    """

    recent_items: tuple[str, ...] = ()
    item_counts_1h: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scored:
    """A slate, best first; ``scores`` has one value per item.

    ``inputs`` is the named row of scalars this answer was computed from, for drift; empty for
    recommenders without inputs.
    """

    item_ids: tuple[str, ...]
    scores: tuple[float, ...]
    inputs: Mapping[str, float]
    contributions: Mapping[str, float] = field(default_factory=dict)
    """What each input added to the score of the first item; empty where nobody can say."""
    diversity: float | None = None
    """Mean over pairs of the slate of 1 minus cosine similarity; None without item vectors."""


class Recommender(Protocol):
    """One loaded model version. ``recommend`` may be called from several threads."""

    version: str

    def recommend(self, user_id: int, k: int, features: FeatureValues) -> Scored:
        """The best ``k`` items (fewer when there are fewer). ``user_id`` is the keyed hash."""


class Kind(Protocol):
    """How a kind of recommender is made from an artifact's arrays and JSON parameters."""

    def __call__(
        self, version: str, arrays: Mapping[str, Array], parameters: Mapping[str, float]
    ) -> Recommender: ...

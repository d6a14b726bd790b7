"""Users and items as vectors, corrected by what happened just now.

score(u, i) = w_user · u·v_i + w_recent · r·v_i + w_hot · heat_i(last hour)
              + w_item · log1p(clicks of i ever) + w_repeat · [i is among the recent items]

v are the right singular vectors of the normalized click matrix (PureSVD, Cremonesi et al. 2010),
u is the user's clicks folded into them and r the fading mean direction of the recent items, so both
live in one space and a user who was never trained on is served by r, the hour and the items alone.
heat is the log of an item's share of the hour's clicks (`models/heat.py`), so that a busy hour
looks like a quiet one with the same mix. The weights are learned from what was known at each past
request (`models/weights.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.heat import heat_of
from models.recommender import Array, FeatureValues, Scored

Vector = NDArray[np.float32]
RECENT_FADES = np.float32(0.8)
"""Weight of a recent item relative to the next newer one."""
INPUT_NAMES = (
    "recent_count",
    "recent_known_share",
    "recent_affinity",
    "recent_coherence",
    "recent_heat",
    "user_norm",
    "top_affinity",
    "top_heat",
)


@dataclass(frozen=True, slots=True)
class Weights:
    """One weight per term of the score, in the order of the formula."""

    user: float = 1.0
    recent: float = 0.5
    hot: float = 0.1
    item: float = 0.1
    repeat: float = 0.0


@dataclass(frozen=True, slots=True)
class Factors:
    """What was learned about users and items. Norms of item vectors carry their popularity."""

    user_ids: NDArray[np.uint64]
    """(users,), ascending"""
    users: Vector
    """(users, dims)"""
    item_ids: NDArray[np.str_]
    """(items,)"""
    items: Vector
    """(items, dims)"""
    item_bias: Vector
    """(items,): log1p of clicks in training"""


@dataclass(frozen=True, slots=True)
class _Hour:
    """What one mapping of hourly counts means for all items; kept while the mapping is the same."""

    source: Mapping[str, float]
    heat: Vector
    bonus: Vector


class Factorization:
    """Answers in well under a millisecond for 10,000 items of 32 dimensions."""

    kind: ClassVar[str] = "factorization"

    def __init__(self, version: str, factors: Factors, weights: Weights) -> None:
        self.version = version
        self._factors = factors
        self._weights = weights
        self._item_ids = tuple(factors.item_ids.tolist())
        self._row = {item: row for row, item in enumerate(self._item_ids)}
        norms = np.linalg.norm(factors.items, axis=1, keepdims=True)
        self._directions = factors.items / np.maximum(norms, np.float32(1e-9))
        self._hour = self._derive_hour({})

    @classmethod
    def from_arrays(
        cls, version: str, arrays: Mapping[str, Array], parameters: Mapping[str, float]
    ) -> Factorization:
        """See `models.recommender.Kind`."""
        factors = Factors(
            arrays["user_ids"].astype(np.uint64),
            _packed(arrays["users"]),
            arrays["item_ids"].astype(np.str_),
            _packed(arrays["items"]),
            _packed(arrays["item_bias"]),
        )
        weights = Weights(**{f.name: parameters[f"weight_{f.name}"] for f in fields(Weights)})
        return cls(version, factors, weights)

    def recommend(self, user_id: int, k: int, features: FeatureValues) -> Scored:
        """See `models.recommender.Recommender`."""
        hour = self._hour
        if hour.source is not features.item_counts_1h:
            hour = self._hour = self._derive_hour(features.item_counts_1h)
        user = self.user_vector(user_id)
        rows = self.rows(features.recent_items)
        recent = self.recent_vector(rows)
        w = self._weights
        direction = np.float32(w.user) * user + np.float32(w.recent) * recent
        affinity = self._factors.items @ direction
        scores = affinity + hour.bonus
        scores[rows] += np.float32(w.repeat)
        best = _top(scores, k)
        inputs = self._inputs(user, rows, len(features.recent_items), hour)
        inputs["top_affinity"] = float(affinity[best].mean()) if len(best) else 0.0
        inputs["top_heat"] = float(hour.heat[best].mean()) if len(best) else 0.0
        return Scored(
            tuple(self._item_ids[row] for row in best),
            tuple(scores[best].tolist()),
            inputs,
            self._contributions(user, recent, rows, hour, int(best[0])) if len(best) else {},
            diversity_of(self._directions[best]),
        )

    def _contributions(
        self, user: Vector, recent: Vector, rows: Sequence[int], hour: _Hour, first: int
    ) -> dict[str, float]:
        """The terms of the first item's score, each under the input it comes from; they sum to it.

        ``item_clicks`` is the item's own and no input.
        """
        w, item = self._weights, self._factors.items[first]
        return {
            "user_norm": w.user * float(user @ item),
            "recent_affinity": w.recent * float(recent @ item),
            "top_heat": w.hot * float(hour.heat[first]),
            "recent_known_share": w.repeat if first in rows else 0.0,
            "item_clicks": w.item * float(self._factors.item_bias[first]),
        }

    def user_vector(self, user_id: int) -> Vector:
        """(dims,); zeros for a user it does not know."""
        user_ids = self._factors.user_ids
        row = int(np.searchsorted(user_ids, np.uint64(user_id)))
        if row < len(user_ids) and int(user_ids[row]) == user_id:
            vector: Vector = self._factors.users[row]
            return vector
        return np.zeros(self._factors.items.shape[1], dtype=np.float32)

    def rows(self, item_ids: Sequence[str]) -> list[int]:
        """Rows of the items it knows, in order, each once."""
        return list(dict.fromkeys(self._row[item] for item in item_ids if item in self._row))

    def recent_vector(self, rows: Sequence[int]) -> Vector:
        """(dims,): the fading mean direction of recent items, newest first; zeros of none."""
        if not rows:
            return np.zeros(self._factors.items.shape[1], dtype=np.float32)
        fading = RECENT_FADES ** np.arange(len(rows), dtype=np.float32)
        mean: Vector = (fading / fading.sum()) @ self._directions[list(rows)]
        return mean

    def _inputs(
        self, user: Vector, rows: Sequence[int], recent_count: int, hour: _Hour
    ) -> dict[str, float]:
        recent = self.recent_vector(rows)
        norm = float(np.linalg.norm(user))
        return {
            "recent_count": float(recent_count),
            "recent_known_share": len(rows) / recent_count if recent_count else 0.0,
            "recent_affinity": float(recent @ user) / norm if norm else 0.0,
            "recent_coherence": float(np.linalg.norm(recent)),
            "recent_heat": float(hour.heat[rows].mean()) if rows else 0.0,
            "user_norm": norm,
        }

    def _derive_hour(self, counts: Mapping[str, float]) -> _Hour:
        raw = np.zeros(len(self._item_ids), dtype=np.float32)
        for item, count in counts.items():
            row = self._row.get(item)
            if row is not None:
                raw[row] = count
        heat = heat_of(raw)
        w = self._weights
        bonus = np.float32(w.hot) * heat + np.float32(w.item) * self._factors.item_bias
        return _Hour(source=counts, heat=heat, bonus=bonus)


def diversity_of(directions: Vector) -> float | None:
    """Mean over pairs of 1 minus cosine (intra-list diversity, Ziegler et al. 2005).

    ``directions``: (items, dims), each of length 1 or 0. None for fewer than two items.
    """
    count = len(directions)
    if count < 2:
        return None
    # The cosines of all ordered pairs, and of each with itself, are the square of the sum.
    total = directions.sum(axis=0)
    cosines = float(total @ total) - float(np.vdot(directions, directions))
    return min(2.0, max(0.0, 1.0 - cosines / (count * (count - 1))))


def to_arrays(factors: Factors) -> dict[str, Array]:
    """The arrays of an artifact; `Factorization.from_arrays` is the inverse."""
    return {
        "user_ids": factors.user_ids,
        "users": factors.users,
        "item_ids": factors.item_ids,
        "items": factors.items,
        "item_bias": factors.item_bias,
    }


def to_parameters(weights: Weights) -> dict[str, float]:
    """The parameters of an artifact."""
    names = [f.name for f in fields(Weights)]
    return {f"weight_{name}": value for name, value in zip(names, astuple(weights), strict=True)}


def _top(scores: Vector, k: int) -> NDArray[np.intp]:
    """Rows of the ``k`` highest scores, best first."""
    if k < len(scores):
        chosen = np.sort(np.argpartition(scores, len(scores) - k)[len(scores) - k :])
    else:
        chosen = np.arange(len(scores))
    return chosen[np.argsort(-scores[chosen], kind="stable")]


def weight_vector(weights: Weights) -> NDArray[np.float64]:
    """(5,), in the order of the formula."""
    return np.array(astuple(weights), dtype=np.float64)


def _packed(array: Array) -> Vector:
    """One layout in memory however the array came here: sums, so scores, are the same bits."""
    return np.ascontiguousarray(array, dtype=np.float32)

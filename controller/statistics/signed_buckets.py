"""Buckets for values of either sign: even steps of asinh(value / scale).

Near zero they are even steps of the value, far from it steps of a constant ratio, so scores that
are log-odds, products or probabilities fit one layout (the inverse hyperbolic sine as a signed
logarithm: Johnson 1949; Burbidge, Magee & Robb 1988). Counts are integers and merge exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SignedBuckets:
    """Values within ±``maximum``; what is larger counts as that. The middle bucket is zero's.

    A bucket's value is within ``relative_error`` times the hypotenuse of value and ``scale`` of
    everything in it. Raise ValueError for a layout that cannot be.

    >>> scores = SignedBuckets(scale=0.001, maximum=1e6, relative_error=0.01)
    >>> [round(scores.value_at(b), 2) for b in scores.index(np.array([-3.0, 0.0, 250.0])).tolist()]
    [-2.98, 0.0, 251.21]
    """

    scale: float
    maximum: float
    relative_error: float
    size: int = field(init=False)

    def __post_init__(self) -> None:
        if not (0.0 < self.scale < self.maximum < math.inf and 0.0 < self.relative_error < 1.0):
            raise ValueError("buckets need 0 < scale < maximum and 0 < relative_error < 1")
        object.__setattr__(self, "size", 2 * self._half + 1)

    @cached_property
    def _step(self) -> float:
        # A hair finer than asked: the bound holds to first order of the step.
        return 2.0 * math.asinh(self.relative_error) * 0.99

    @cached_property
    def _half(self) -> int:
        return math.ceil(math.asinh(self.maximum / self.scale) / self._step)

    def index(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """Bucket of each value, any shape; there may be infinities, but no NaN."""
        most, half = 2.0 * self.maximum, self._half
        places = np.minimum(np.maximum(values, -most, dtype=np.float64), most)
        places = np.rint(np.arcsinh(places / self.scale) / self._step)
        places = np.minimum(np.maximum(places, -half), half)
        found: NDArray[np.int64] = (places + half).astype(np.int64)
        return found

    def value_at(self, bucket: int) -> float:
        """What a bucket stands for."""
        value = self.scale * math.sinh((bucket - self._half) * self._step)
        return max(-self.maximum, min(self.maximum, value))

    def quantile(self, counts: NDArray[np.integer], share: float) -> float | None:
        """The nearest-rank quantile, ``share`` in [0, 1]; None when nothing was counted."""
        upto = counts.cumsum(dtype=np.int64)
        total = int(upto[-1])
        if not total:
            return None
        rank = max(1, math.ceil(share * total - 1e-9))
        return self.value_at(int(upto.searchsorted(rank)))

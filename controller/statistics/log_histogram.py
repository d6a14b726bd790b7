"""Histograms of positive values whose buckets grow by a constant factor.

Counts are integers, so merging is exact in any order; a quantile is the nearest-rank one of all
values, off by at most ``relative_error`` (the bucket layout of DDSketch, Masson et al. 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class LogBuckets:
    """The layout: which bucket a value falls into, and what a bucket stands for.

    Bucket 0 holds everything up to ``least`` and shows as ``least``; the last one everything above
    ``maximum``, also NaN (no value is slower than a missing one), and shows as ``maximum``.
    """

    least: float
    maximum: float
    relative_error: float = 0.01
    size: int = field(init=False)

    def __post_init__(self) -> None:
        if not (0.0 < self.least < self.maximum < math.inf and 0.0 < self.relative_error < 1.0):
            raise ValueError("buckets need 0 < least < maximum and 0 < relative_error < 1")
        inner = math.ceil(math.log(self.maximum / self.least) / math.log(self._factor()))
        object.__setattr__(self, "size", inner + 2)

    @cached_property
    def _log_factor(self) -> float:
        return math.log(self._factor())

    def _factor(self) -> float:
        # A hair finer than asked, so that rounding of float32 input stays within the promise.
        error = self.relative_error * 0.999
        return (1.0 + error) / (1.0 - error)

    def index(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """Bucket of each value; any shape."""
        wide = np.asarray(values, dtype=np.float64)
        # fmin takes NaN for the maximum; both are told from it below.
        inner = np.atleast_1d(np.fmin(wide, self.maximum))
        np.maximum(inner, self.least, out=inner)
        inner /= self.least
        np.log(inner, out=inner)
        inner /= self._log_factor
        np.ceil(inner, out=inner)
        np.minimum(inner, self.size - 2, out=inner)
        place: NDArray[np.int64] = inner.astype(np.int64).reshape(wide.shape)
        if not np.maximum.reduce(wide, axis=None, initial=self.least) <= self.maximum:
            place[~(wide <= self.maximum)] = self.size - 1
        return place

    def value_at(self, bucket: int) -> float:
        """What a bucket stands for: within the relative error of everything in it."""
        if bucket >= self.size - 1:
            return self.maximum
        if bucket <= 0:
            return self.least
        factor = self._factor()
        middle = self.least * float(factor**bucket) * 2.0 / (factor + 1.0)
        return min(middle, self.maximum)

    def quantile(self, counts: NDArray[np.integer], share: float) -> float | None:
        """The nearest-rank quantile, ``share`` in [0, 1]; None when nothing was counted."""
        return self.quantile_of(counts.cumsum(dtype=np.int64), share)

    def quantile_of(self, upto: Counts, share: float) -> float | None:
        """The same from the counts summed up to each bucket, for who asks for several."""
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"a quantile's share is 0 to 1, not {share}")
        total: int = upto.item(-1)
        if total == 0:
            return None
        rank = max(1, math.ceil(share * total - 1e-9))
        return self.value_at(int(upto.searchsorted(rank)))


class LogHistogram:
    """Counts over one layout.

    >>> latencies_ms = LogHistogram(LogBuckets(0.05, 60_000.0))
    >>> latencies_ms.record(np.array([10.0, 20.0, 30.0, 1e9]))
    >>> latencies_ms.total, latencies_ms.quantile(1.0)
    (4, 60000.0)
    """

    def __init__(self, buckets: LogBuckets) -> None:
        self.buckets = buckets
        self.counts: Counts = np.zeros(buckets.size, dtype=np.int64)

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def record(self, values: NDArray[np.floating]) -> None:
        """Count every value."""
        self.counts += np.bincount(self.buckets.index(values), minlength=self.buckets.size)

    def merge(self, other: LogHistogram) -> None:
        """Add another's counts. Raise ValueError when its layout differs."""
        if other.buckets != self.buckets:
            raise ValueError("histograms of different buckets cannot be merged")
        self.counts += other.counts

    def quantile(self, share: float) -> float | None:
        """See `LogBuckets.quantile`."""
        return self.buckets.quantile(self.counts, share)

"""How rare is a number among its own past? Ranks inside, extrapolated tails outside.

`RankTail` ranks against the last 1,024 values (conformal p-values of a sliding window; Laxhammar
and Falkman 2014) and extends the largest 5 % by Hill's estimator of a power tail, drawn towards
`PRIOR_SHAPE`, so that a heavy-tailed series must show more before it is called odd.

`EpisodeTail` turns the result into an expected rate of *episodes*: runs of exceedances close
together count once, by their peak (declustering of peaks over a threshold; Davison and Smith 1990,
Siffer et al. 2017). So a burst that recurs is a known rate however many points it has, and one
long anomaly does not hide the next.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.statistics.scalar_state import scalars_of, set_scalars

CHANCES = (0.5, 0.2, 0.1, 0.05, 0.02)
_SURPRISES = tuple(-math.log10(chance) for chance in CHANCES)
_LEAST_KNOTS = (0.02, 0.05, 0.1, 0.2, 0.4)
_LAST = len(CHANCES) - 1
RANKED = 1024
PRIOR_SHAPE = 0.3
PRIOR_WEIGHT = 10
_LOG10_E = math.log10(math.e)


class RankTail:
    """For numbers from 0 up, where 1 is an ordinary size."""

    __slots__ = ("count", "due", "inverse_shape", "knots", "ring")
    SCALARS = ("count", "due", "inverse_shape")

    def __init__(self) -> None:
        self.ring = np.zeros(RANKED, np.float32)
        self.count, self.due = 0, 24
        self.knots = [0.8, 1.6, 2.2, 2.8, 3.6]
        self.inverse_shape = 2.0

    def surprise(self, size: float) -> float:
        """-log10 of the chance of one as large."""
        knots = self.knots
        if size <= knots[0]:
            return _SURPRISES[0] * size / knots[0]
        if size >= knots[_LAST]:
            return _SURPRISES[_LAST] + self.inverse_shape * math.log10(size / knots[_LAST])
        at = bisect_right(knots, size)
        below = knots[at - 1]
        share = (size - below) / (knots[at] - below)
        return _SURPRISES[at - 1] + (_SURPRISES[at] - _SURPRISES[at - 1]) * share

    def learn(self, size: float) -> None:
        """Remember one, after it was judged."""
        self.ring[self.count % RANKED] = size
        self.count += 1
        if self.count >= self.due:
            self._refresh()

    def _refresh(self) -> None:
        size = min(self.count, RANKED)
        self.due = self.count + max(8, size // 8)
        ordered = np.sort(self.ring[:size]).astype(np.float64)
        places = [min(size - 1, int(size * (1 - chance))) for chance in CHANCES]
        lower = 1e-3
        for at, place in enumerate(places):
            lower = self.knots[at] = max(float(ordered[place]), lower * 1.02, _LEAST_KNOTS[at])
        start = self.knots[3]
        top = ordered[places[3] :]
        excess = float(np.log(np.maximum(top, start) / start).sum())
        shape = (excess + PRIOR_WEIGHT * PRIOR_SHAPE) / (len(top) + PRIOR_WEIGHT)
        self.inverse_shape = 1.0 / min(max(shape, 0.08), 1.5)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        return {
            "scalars": scalars_of(self, self.SCALARS),
            "knots": np.array(self.knots),
            "ring": self.ring.copy(),
        }

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        if arrays["ring"].shape != (RANKED,) or arrays["knots"].shape != (len(CHANCES),):
            raise ValueError("not the ranks of a series")
        set_scalars(self, self.SCALARS, arrays["scalars"])
        self.ring = arrays["ring"].astype(np.float32)
        self.knots = arrays["knots"].astype(np.float64).tolist()


EPISODE_GAP = 16
"""Exceedances with fewer points between them than this belong to one episode."""
BODY_POINTS = 2048
MOST_PEAKS = 128
EXCEEDED = 0.03
PRIOR_PEAKS = 30
PRIOR_EXCESS = 0.5
"""Mean excess drawn towards this: a little heavier than exact p-values have (0.43)."""
LINGER_POINTS = 64
LINGER_WEIGHT = 0.7
LINGER_FULL = 2.5
LINGER_CAP = 4.0


class EpisodeTail:
    """``threshold``: what 3 % of raw scores exceed; ``rate``: its episodes per point."""

    __slots__ = (
        "body", "count", "due", "excess", "linger", "peak", "peaks", "rate", "since", "threshold",
    )  # fmt: skip
    SCALARS = (
        "count", "due", "excess", "linger", "peak", "rate", "since", "threshold",
    )  # fmt: skip

    def __init__(self) -> None:
        self.body = np.zeros(BODY_POINTS, np.float32)
        self.count, self.due, self.since = 0, 64, EPISODE_GAP + 1
        self.threshold, self.rate, self.excess = 1.5, 0.03, PRIOR_EXCESS
        self.peak, self.linger = 0.0, 0.3
        self.peaks: list[tuple[int, float]] = []

    def score(self, raw: float) -> float:
        """-log10 of the expected episodes per point as odd as this; then learn it.

        Below the threshold there is only an order: how odd the last `LINGER_POINTS` were.
        """
        self.linger += (min(raw, LINGER_CAP) - self.linger) / LINGER_POINTS
        rare = -math.log10(self.rate)
        if raw <= self.threshold:
            part = (1 - LINGER_WEIGHT) * raw / self.threshold
            found = rare * min(1.0, part + LINGER_WEIGHT * self.linger / LINGER_FULL)
        else:
            found = rare + _LOG10_E * (raw - self.threshold) / self.excess
        self._learn(raw)
        return found

    def _learn(self, raw: float) -> None:
        self.since += 1
        if raw > self.threshold:
            if self.since > EPISODE_GAP:
                if self.peak > 0:
                    self.peaks.append((self.count, self.peak))
                    del self.peaks[:-MOST_PEAKS]
                self.peak = 0.0
            self.since = 0
            self.peak = max(self.peak, raw)
        self.body[self.count % BODY_POINTS] = raw
        self.count += 1
        if self.count >= self.due:
            self._refresh()

    def _refresh(self) -> None:
        size = min(self.count, BODY_POINTS)
        self.due = self.count + max(16, size // 8)
        place = int(size * (1 - EXCEEDED))
        body = np.partition(self.body[:size], place)
        self.threshold = max(float(body[place]), 0.5)
        above = [peak - self.threshold for _, peak in self.peaks if peak > self.threshold]
        start = self.peaks[0][0] if len(self.peaks) == MOST_PEAKS else 0
        self.rate = min(max((len(above) + 0.5) / (self.count - start + 1), 1e-5), EXCEEDED)
        excess = (sum(above) + PRIOR_PEAKS * PRIOR_EXCESS) / (len(above) + PRIOR_PEAKS)
        self.excess = max(0.8 * _LOG10_E, excess)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        return {
            "scalars": scalars_of(self, self.SCALARS),
            "body": self.body.copy(),
            "peaks": np.array(self.peaks, dtype=np.float64).reshape(-1, 2),
        }

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        if arrays["body"].shape != (BODY_POINTS,) or arrays["peaks"].ndim != 2:
            raise ValueError("not the episodes of a series")
        set_scalars(self, self.SCALARS, arrays["scalars"])
        self.body = arrays["body"].astype(np.float32)
        self.peaks = [(int(at), peak) for at, peak in arrays["peaks"].tolist()]

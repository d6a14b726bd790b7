"""How odd are several series together? One score, also for what no series shows alone.

Each series has its own `AnomalyScorer`. Three sizes of a moment: the Mahalanobis distance of the
standardized residuals under a learnt covariance shrunk towards its diagonal (an unusual
combination), the largest score (one loud signal) and the mean score (many a little odd, as
Fisher's combination). Dependence between signals needs no model: each size is ranked against its
own past and the largest surprise calibrated as a rate of episodes, as for one series
(`anomaly_tail`). A missing signal is left out of all three; it is never zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.statistics.anomaly import SOFT_CAP, WARM_POINTS, AnomalyScorer
from controller.statistics.anomaly_tail import EpisodeTail, RankTail
from controller.statistics.scalar_state import scalars_of, set_scalars

LEAST_SHRINKAGE = 0.02
MEMORY = 2000
PRIOR_VARIANCE = 1.5
"""Of a residual in mean absolute errors, if it is Gaussian (pi / 2)."""
ORDINARY_SCORE = 0.7
SIZES = 3


class JointScorer:
    """Over the named series. Below 64 kB for each, and 30 kB."""

    SCALARS = ("_count",)

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._members = tuple(AnomalyScorer() for _ in self.names)
        self._covariance = PRIOR_VARIANCE * np.eye(len(self.names))
        self._ranks = tuple(RankTail() for _ in range(SIZES))
        self._episodes = EpisodeTail()
        self._count = 0
        self.oddest = ""
        """The name with the largest own score at the last point."""

    @property
    def count(self) -> int:
        """Moments scored: those with at least one series past its own warm-up."""
        return self._count

    def score(self, timestamp_s: float, values: Mapping[str, float | None]) -> float:
        """-log10 of the expected episodes per point as odd; 0 while warming up or all missing."""
        present: list[int] = []
        scores: list[float] = []
        for at, (name, member) in enumerate(zip(self.names, self._members, strict=True)):
            before = member.count
            found = member.score(timestamp_s, values.get(name))
            if member.count > before and member.is_warm:
                present.append(at)
                scores.append(found)
        if not present:
            return 0.0
        self._count += 1
        self.oddest = self.names[present[scores.index(max(scores))]]
        raw = 0.0
        sizes = self._sizes(np.array(present), scores)
        for rank, size in zip(self._ranks, sizes, strict=True):
            raw = max(raw, rank.surprise(size))
            rank.learn(size)
        if raw > SOFT_CAP:
            raw = SOFT_CAP + math.log10(1.0 + raw - SOFT_CAP)
        joint = self._episodes.score(raw)
        return joint if self._count > WARM_POINTS else 0.0

    def _sizes(self, present: NDArray[np.int64], scores: list[float]) -> tuple[float, ...]:
        residuals = np.array([self._members[at].residual for at in present.tolist()])
        block = np.ix_(present, present)
        learnt = self._covariance[block]
        diagonal = np.diag(np.diag(learnt))
        less = max(LEAST_SHRINKAGE, len(present) / (len(present) + self._count))
        shrunk = (1 - less) * learnt + less * diagonal + 1e-3 * np.eye(len(present))
        squared = float(residuals @ np.linalg.solve(shrunk, residuals)) / len(present)
        step = max(1.0 / (self._count + 10), 1.0 / MEMORY)
        self._covariance[block] = learnt + step * (np.outer(residuals, residuals) - learnt)
        mean = sum(scores) / len(scores)
        return math.sqrt(max(squared, 0.0)), max(scores) / ORDINARY_SCORE, mean / ORDINARY_SCORE

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything that was learnt, as plain arrays; series by their names."""
        held = dict(zip(self.names, self._members, strict=True))
        arrays = {f"{n}/{k}": a for n, member in held.items() for k, a in member.snapshot().items()}
        for at, rank in enumerate(self._ranks):
            arrays |= {f"rank{at}//{k}": a for k, a in rank.snapshot().items()}
        arrays |= {f"episodes//{k}": a for k, a in self._episodes.snapshot().items()}
        return arrays | {
            "names": np.array(self.names, dtype=np.str_),
            "covariance": self._covariance.copy(),
            "scalars": scalars_of(self, self.SCALARS),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        if tuple(arrays["names"].tolist()) != self.names:
            raise ValueError("a joint score of other series")
        if arrays["covariance"].shape != self._covariance.shape:
            raise ValueError("not the covariance of these series")
        for name, member in zip(self.names, self._members, strict=True):
            member.restore(_part(arrays, f"{name}/"))
        for at, rank in enumerate(self._ranks):
            rank.restore(_part(arrays, f"rank{at}//"))
        self._episodes.restore(_part(arrays, "episodes//"))
        self._covariance = arrays["covariance"].astype(np.float64)
        set_scalars(self, self.SCALARS, arrays["scalars"])


def _part(arrays: Mapping[str, NDArray[Any]], start: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}

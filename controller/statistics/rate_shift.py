"""Has the rate behind counts changed? Quiet on daily seasons and on trials that hang together.

At least a day and a million trials are learnt (`FirstDay`, `LEAST_TRIALS`): a rate for each hour of
the day where there is a season, and by how much counts vary more than independent trials would.
With that, d >= 1, trials count d times less: the rate's exact bounds (`rate_bounds`) come from
trials / d, and each step's bet is taken to the power 1 / d. Then the e-detector bets that the rate
is below the lower or above the upper bound of the hour (`RateBets.on_either`), with an alarm at
one per 30 days. Of successes and failures the rarer are counted, since bets are on ratios.

For independent trials, and as long as the bounds hold, the rate of false alarms is guaranteed; for
dependent ones it is calibrated. Measured per 30 days, learning anew after each, at 50 trials/s:
5 % in windows of 60 s 0.05, with a daily season of 30 % 0.0, with traffic that swings by 80 %
besides 0.0, with a rate that wanders by 10 % as an AR(1) 0.9 0.0; 0.1 % every 10 s 0.0. Median
delay of 5 to 4 %: 5 windows of 60 s; of 0.1 to 0.2 % failures: 110 looks of 10 s.
`benchmarks/monitors_change.py` measures it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from controller.statistics.daily_level import (
    HOURS,
    Floats,
    by_hour,
    filled,
    hour_of_day,
    level_at,
    long_run_variance,
    season_share,
    smooth,
)
from controller.statistics.e_detector import EDetector, RateBets, threshold
from controller.statistics.first_day import FirstDay
from controller.statistics.mean_shift import ONE_FALSE_ALARM_PER_S
from controller.statistics.rate_bounds import LEAST_TRIALS, lower_bound, upper_bound


@dataclass(frozen=True)
class LearntRate:
    """Bounds of the rarer outcome's rate at the hours of the day, shape (24,)."""

    floors: Floats
    ceilings: Floats
    is_of_failures: bool
    """Failures are the rarer outcome."""
    dispersion: float
    """The variance of counts over a while against that of independent trials, at least 1."""

    @classmethod
    def of(cls, hours: Floats, trials: Floats, successes: Floats) -> LearntRate:
        """From counts in order of time and their hours of the day."""
        total = float(trials.sum())
        is_of_failures = float(successes.sum()) > total / 2.0
        rare = trials - successes if is_of_failures else successes
        center = float(rare.sum()) / total
        count = by_hour(hours, trials)
        known = count > 0
        levels = filled(by_hour(hours, rare) / np.maximum(count, 1.0), known)
        dispersion = _dispersion(trials, rare, level_at(smooth(levels), hours), center)
        noise = dispersion * center * (1.0 - center) / np.maximum(count, 1.0)
        season = season_share(levels, center, noise, known)
        levels = center + season * (levels - center)
        behind = np.where(known, count, count[known].min())
        # The variance of a level between that of the hour and that of the day.
        sure = 1.0 / (season**2 / behind + (1.0 - season**2) / total) / dispersion
        pairs = list(zip(sure.tolist(), (sure * levels).tolist(), strict=True))
        return cls(
            np.array([lower_bound(n, s) for n, s in pairs]),
            np.array([upper_bound(n, s) for n, s in pairs]),
            is_of_failures,
            dispersion,
        )

    def log_factors(self, hours: ArrayLike, trials: ArrayLike, successes: ArrayLike) -> Floats:
        """Of steps of any shape (...), shape (..., bets)."""
        at = np.asarray(hours, dtype=np.float64)
        bets = RateBets.on_either(level_at(self.floors, at), level_at(self.ceilings, at))
        good = np.asarray(successes, dtype=np.float64)
        rare = np.asarray(trials, dtype=np.float64) - good if self.is_of_failures else good
        found: Floats = bets.log_factors(trials, rare) / self.dispersion
        return found


WEIGHTS = RateBets.on_either(0.5, 0.5).weights


class RateShift:
    """One series with counts, below 16 million, about every ``step_s``: at 10 s 100 kB while it
    learns, then 1 kB."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._day = FirstDay(step_s, "ff")
        self._trials = 0
        self._learnt: LearntRate | None = None
        self._detector = EDetector(WEIGHTS, threshold(ONE_FALSE_ALARM_PER_S, step_s))

    @property
    def is_ready(self) -> bool:
        """Whether it has learnt, so that it looks for changes."""
        return self._learnt is not None

    def lacking(self) -> str:
        """How far it has learnt, for people."""
        return f"{self._day.lacking()}, {self._trials:,} of {LEAST_TRIALS:,} trials"

    def step(self, at_s: float, trials: int, successes: int) -> bool:
        """Whether the rate has changed."""
        if self._learnt is not None:
            factors = self._learnt.log_factors(hour_of_day(at_s), trials, successes)
            return bool(self._detector.step(factors))
        self._day.add(at_s, trials, successes)
        self._trials += trials
        if self._day.is_over and self._trials >= LEAST_TRIALS:
            self._learnt = LearntRate.of(*self._day.columns())
            self._day = FirstDay(self._step_s, "ff")
        return False

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays; bounds only once they are learnt."""
        arrays = {
            "evidence": self._detector.state,
            "trials": np.array([self._trials]),
            **self._day.snapshot(),
        }
        if self._learnt is not None:
            arrays["bounds"] = np.array([self._learnt.floors, self._learnt.ceilings])
            arrays["form"] = np.array([self._learnt.is_of_failures, self._learnt.dispersion])
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        evidence, bounds = arrays["evidence"], arrays.get("bounds")
        if evidence.shape != WEIGHTS.shape or (bounds is not None and bounds.shape != (2, HOURS)):
            raise ValueError("not what was learnt of a rate")
        self._day.restore(arrays)
        self._trials = int(arrays["trials"][0])
        self._detector.state = evidence.astype(np.float64)
        self._learnt = None
        if bounds is not None:
            is_of_failures, dispersion = arrays["form"].tolist()
            self._learnt = LearntRate(bounds[0], bounds[1], bool(is_of_failures), dispersion)


def _dispersion(trials: Floats, rare: Floats, rates: Floats, center: float) -> float:
    # No hour is nearer to 0 than a tenth of the day, so that no variance is 0.
    rates = np.clip(rates, max(0.5 / float(trials.sum()), center / 10.0), 0.9)
    odd = (rare - trials * rates) / np.sqrt(trials * rates * (1.0 - rates))
    return max(1.0, long_run_variance(odd - odd.mean()))

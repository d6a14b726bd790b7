"""Has the mean of a series changed? Robust, and quiet on dependent and on daily series.

The first day is learnt (`FirstDay`): a level for each hour of the day where there is a season, the
usual distance from it (by the median, so that outliers do not count), and the long-run standard
deviation s of distances clipped at 4 usual ones. Then each value's clipped distance, z = distance /
s, is bet on by exp(b z - |b| u - b^2 / 2) for b of either sign, in an e-detector (`EDetector`,
Shiryaev-Roberts) with an alarm at one per 30 days. Dividing by the long-run deviation makes bets
fair for sums over a while, however the values hang together within it; u is how far the learnt
level itself may be off. One value can say at most exp(2.9) of the 260,000 needed.

Calibrated, not guaranteed. Null: a stationary series, plus a daily season that repeats and is about
straight within an hour. `benchmarks/monitors_change.py` simulates it. False alarms per 30 days,
learning anew after each: below 0.1 on white noise, 0.1 on AR(1) 0.9, 0.1 to 0.2 with a season of 3
standard deviations besides, at a value every 60 s (200 runs) and every 10 s (40 runs); at every
5 min AR(1) 0.9 has 0.4. Median delay of a shift by one standard deviation at 60 s: 41 values of
white noise, 620 of AR(1) 0.9. A season of the week, or a series that wanders for hours, is change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from controller.statistics.daily_level import (
    DAY_S,
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
from controller.statistics.e_detector import EDetector, threshold
from controller.statistics.first_day import FirstDay

ONE_FALSE_ALARM_PER_S = 30 * DAY_S
LARGEST = 1e100
"""Values beyond are taken as this, so that no arithmetic overflows."""
CLIP = 4.0
"""Distances count up to this many usual ones."""
BETS = np.array([-0.8, -0.4, -0.2, -0.1, 0.1, 0.2, 0.4, 0.8])
"""Shifts bet on, in long-run standard deviations."""
WEIGHTS = np.full(BETS.size, 1.0 / BETS.size)
MARGIN = 1.2
"""The long-run variance of one day is itself a guess: it is taken to be so much larger."""
SEASON_MARGIN = 0.5
"""And by this much more, where hours have levels of their own: each is learnt from fewer values."""
LEVEL_ERRORS = 2.0
"""Standard errors that the level may be off."""


@dataclass(frozen=True)
class LearntMean:
    """Of one series, or of several: levels of shape (..., 24), the rest of shape (...)."""

    levels: Floats
    usual: Floats
    """The usual distance from the level: a standard deviation, where nothing is odd."""
    long_run: Floats
    """Long-run standard deviation of clipped distances, in usual ones."""
    unsure: Floats
    """How far the level may be off, in long-run deviations."""

    @classmethod
    def of(cls, hours: Floats, values: Floats) -> LearntMean:
        """From values in order of time and their hours of the day."""
        counts = by_hour(hours, np.ones(values.size))
        known = counts > 0
        levels = filled(_medians(hours, values), known)
        usual = _usual(values - level_at(levels, hours), float(np.median(np.abs(values))))
        off = by_hour(hours, _odd(hours, values, levels, usual)) / np.maximum(counts, 1.0)
        levels = filled(levels + usual * off, known)
        odd = _odd(hours, values, smooth(levels), usual)
        variance = long_run_variance(odd - odd.mean())
        center = float(np.average(levels, weights=counts))
        noise = variance / np.maximum(counts, 1.0)
        season = season_share((levels - center) / usual, 0.0, noise, known)
        larger = MARGIN * (1.0 + SEASON_MARGIN * season)
        return cls(
            center + season * (levels - center),
            np.array(usual),
            # A series that never moved has no variance: each value off it is one deviation.
            np.sqrt(np.array(larger * variance if variance > 0.0 else 1.0)),
            np.array(LEVEL_ERRORS / np.sqrt(values.size)),
        )

    def log_factors(self, hour: float, values: ArrayLike) -> Floats:
        """Of one value for each series, shape (..., bets)."""
        far = np.asarray(values, dtype=np.float64) - level_at(self.levels, hour)
        size = (np.clip(far / self.usual, -CLIP, CLIP) / self.long_run)[..., None]
        found: Floats = BETS * size - np.abs(BETS) * self.unsure[..., None] - BETS**2 / 2.0
        return found


class MeanShift:
    """One series with a value about every ``step_s``: at 10 s 100 kB while it learns, then 1 kB."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._day = FirstDay(step_s, "d")
        self._learnt: LearntMean | None = None
        self._detector = EDetector(WEIGHTS, threshold(ONE_FALSE_ALARM_PER_S, step_s))

    @property
    def is_ready(self) -> bool:
        """Whether it has learnt, so that it looks for changes."""
        return self._learnt is not None

    def lacking(self) -> str:
        """How far it has learnt, for people."""
        return self._day.lacking()

    def step(self, at_s: float, value: float) -> bool:
        """Whether the mean has changed. What is not finite is left out."""
        if not np.isfinite(value):
            return False
        value = min(max(value, -LARGEST), LARGEST)
        if self._learnt is not None:
            factors = self._learnt.log_factors(hour_of_day(at_s), value)
            return bool(self._detector.step(factors))
        self._day.add(at_s, value)
        if self._day.is_over:
            self._learnt = LearntMean.of(*self._day.columns())
            self._day = FirstDay(self._step_s, "d")
        return False

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays; levels only once they are learnt."""
        arrays = {"evidence": self._detector.state, **self._day.snapshot()}
        if self._learnt is not None:
            found = self._learnt
            arrays["levels"] = found.levels
            arrays["scales"] = np.array([found.usual, found.long_run, found.unsure])
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        evidence, levels = arrays["evidence"], arrays.get("levels")
        if evidence.shape != BETS.shape or (levels is not None and levels.shape != (HOURS,)):
            raise ValueError("not what was learnt of a mean")
        self._day.restore(arrays)
        self._detector.state = evidence.astype(np.float64)
        self._learnt = None if levels is None else LearntMean(levels, *arrays["scales"])


def _medians(hours: Floats, values: Floats) -> Floats:
    places = hours.astype(np.int64) % HOURS
    found = np.zeros(HOURS)
    for hour in np.unique(places):
        found[hour] = np.median(values[places == hour])
    return found


def _usual(far: Floats, size: float) -> float:
    """A standard deviation by the median; by the mean, where more than half lie on the level."""
    least = 1e-6 * size + 1e-12
    usual = 1.4826 * float(np.median(np.abs(far)))
    return max(usual, least) if usual > least else max(1.2533 * float(np.mean(np.abs(far))), least)


def _odd(hours: Floats, values: Floats, levels: Floats, usual: float) -> Floats:
    found: Floats = np.clip((values - level_at(levels, hours)) / usual, -CLIP, CLIP)
    return found

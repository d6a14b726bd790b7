"""What a series is expected to be now: a level, with a daily and a weekly season where they help.

Three predictors run side by side, each robust and adaptive: the level alone, level + time of day,
level + time of day + hour of week. Each keeps the mean absolute error it made before it learnt the
point; a season is used only while its error is clearly the smaller one. Steps of learning are
clipped at four mean absolute errors, so one spike barely moves anything, while a lasting shift
widens the error at every point and is then followed ever faster.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.statistics.scalar_state import scalars_of, set_scalars

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
HOURS_OF_WEEK = 168
DAY_BINS = (96, 48, 24, 12, 8, 4)
LEVEL_POINTS = 150
"""Memory of the level, in points; with a season at least a day."""
ERROR_POINTS = 1000
CLIP = 4.0
DAILY_GAIN = 0.8
WEEKLY_GAIN = 0.9
"""A season must bring the error below this share of the error without it."""
LEAST_DAYS = 2.0
LEAST_DAYS_FOR_WEEK = 9.0
LEAST_POINTS = 20


class Baselines:
    """Feed it each point; it answers before it learns, so there is no look-ahead."""

    __slots__ = (
        "chosen", "count", "daily_count", "daily_error", "daily_level", "day", "day_rate",
        "day_visits", "first_s", "level", "level_error", "season_rate", "week", "week_rate",
        "week_visits", "weekly_count", "weekly_error", "weekly_level",
    )  # fmt: skip
    SCALARS = (
        "chosen", "count", "daily_count", "daily_error", "daily_level", "day_rate", "first_s",
        "level", "level_error", "season_rate", "week_rate", "weekly_count", "weekly_error",
        "weekly_level",
    )  # fmt: skip

    def __init__(self) -> None:
        self.chosen = self.count = self.daily_count = self.weekly_count = 0
        self.level = self.daily_level = self.weekly_level = 0.0
        self.level_error = self.daily_error = self.weekly_error = 0.0
        self.first_s = 0.0
        self.season_rate = 1.0 / LEVEL_POINTS
        self.day_rate, self.week_rate = 0.2, 0.25
        self.day: list[float] = []
        self.day_visits: list[int] = []
        self.week = [0.0] * HOURS_OF_WEEK
        self.week_visits = [0] * HOURS_OF_WEEK

    def start(self, timestamp_s: float, value: float) -> None:
        """The first point."""
        self.first_s, self.level = timestamp_s, value

    def know_step(self, step_s: float) -> None:
        """Seasons can be learnt once the usual step is known; too long a step has none."""
        bins = next((k for k in DAY_BINS if DAY_S / k >= step_s * 0.99), 0)
        self.day, self.day_visits = [0.0] * bins, [0] * bins
        if bins:
            self.season_rate = 1.0 / max(LEVEL_POINTS, DAY_S / step_s)
            self.day_rate = 0.2 / max(1.0, DAY_S / bins / step_s)
            self.week_rate = 0.25 / max(1.0, WEEK_S / HOURS_OF_WEEK / step_s)
            self.daily_level = self.weekly_level = self.level

    def update(
        self, timestamp_s: float, value: float, least: float
    ) -> tuple[float, float, float, bool]:
        """Residual, its mean absolute size, the season's part, and whether the season changed."""
        count = self.count = self.count + 1
        step = 1.0 / count
        residual = value - self.level
        clipped = residual if count < 16 else _clip(residual, CLIP * self.level_error + least)
        self.level += max(step, 1.0 / LEVEL_POINTS) * clipped
        error_step = max(step, 1.0 / ERROR_POINTS)
        self.level_error += error_step * (abs(clipped) - self.level_error)
        bins = len(self.day)
        if not bins:
            return residual, self.level_error, 0.0, False
        at_day = min(int(timestamp_s % DAY_S * bins / DAY_S), bins - 1)
        at_week = min(int(timestamp_s % WEEK_S / 3600.0), HOURS_OF_WEEK - 1)
        daily, weekly = self.day[at_day], self.week[at_week]
        rate = max(step, self.season_rate)
        by_day = self._learn_day(value - daily - self.daily_level, at_day, error_step, rate, least)
        off_week = value - daily - weekly - self.weekly_level
        by_week = self._learn_week(off_week, at_week, error_step, rate, least)
        before, self.chosen = self.chosen, self._choose(timestamp_s)
        changed = before != self.chosen
        if self.chosen == 0:
            return residual, self.level_error, 0.0, changed
        if self.chosen == 1:
            return by_day, self.daily_error, daily, changed
        return by_week, self.weekly_error, daily + weekly, changed

    def _learn_day(self, residual: float, at: int, error: float, rate: float, e: float) -> float:
        visits, clipped = self.day_visits[at], residual
        if visits:
            if self.daily_error:
                clipped = _clip(residual, CLIP * self.daily_error + e)
            count = self.daily_count = self.daily_count + 1
            step = error if count > 50 else 1.0 / count
            self.daily_error += step * (abs(clipped) - self.daily_error)
        self.daily_level += rate * clipped
        self.day[at] += max(1.0 / (visits + 1), self.day_rate) * clipped
        self.day_visits[at] = visits + 1
        return residual

    def _learn_week(self, residual: float, at: int, error: float, rate: float, e: float) -> float:
        visits, clipped = self.week_visits[at], residual
        if visits and self.daily_count > 10:
            if self.weekly_error:
                clipped = _clip(residual, CLIP * self.weekly_error + e)
            count = self.weekly_count = self.weekly_count + 1
            step = error if count > 50 else 1.0 / count
            self.weekly_error += step * (abs(clipped) - self.weekly_error)
        self.weekly_level += rate * clipped
        self.week[at] += max(1.0 / (visits + 1), self.week_rate) * clipped
        self.week_visits[at] = visits + 1
        return residual

    def _choose(self, timestamp_s: float) -> int:
        """0: no season, 1: daily, 2: weekly too. What is in use is given up a little later."""
        days = (timestamp_s - self.first_s) / DAY_S
        if days <= LEAST_DAYS or self.daily_count <= LEAST_POINTS:
            return 0
        gain = DAILY_GAIN * (1.1 if self.chosen else 1.0)
        if self.daily_error >= gain * self.level_error:
            return 0
        gain = WEEKLY_GAIN * (1.05 if self.chosen == 2 else 1.0)
        known = days > LEAST_DAYS_FOR_WEEK and self.weekly_count > LEAST_POINTS
        return 2 if known and self.weekly_error < gain * self.daily_error else 1

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        return {
            "scalars": scalars_of(self, self.SCALARS),
            "day": np.array([self.day, self.day_visits], dtype=np.float64),
            "week": np.array([self.week, self.week_visits], dtype=np.float64),
        }

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        day, week = arrays["day"], arrays["week"]
        if day.ndim != 2 or len(day) != 2 or week.shape != (2, HOURS_OF_WEEK):
            raise ValueError("not the seasons of a series")
        set_scalars(self, self.SCALARS, arrays["scalars"])
        self.day, self.day_visits = day[0].tolist(), day[1].astype(int).tolist()
        self.week, self.week_visits = week[0].tolist(), week[1].astype(int).tolist()


def _clip(residual: float, limit: float) -> float:
    return residual if -limit < residual < limit else math.copysign(limit, residual)

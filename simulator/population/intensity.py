"""How many come when: the random intensity of a Cox process, minute by minute.

A day and a week pattern, times a gamma factor with memory, plus small crowds that nobody announced.
Announced crowds are in `bursts`. Knows nothing of users.
"""

from __future__ import annotations

import numpy as np

from simulator.population.people import Floats
from simulator.population.streams import Streams
from simulator.spec import Traffic

MINUTES_PER_DAY = 1_440
_MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY
_THURSDAY = 3 * MINUTES_PER_DAY
"""1970 began on one; our weeks begin on Monday."""
PEAK_OF_DAY = 16 / 24
"""The quietest hour is twelve hours from it."""
PEAK_OF_WEEK = 2.5 / 7
"""Wednesday noon; the quietest time is the night from Saturday to Sunday."""
SHOT_FACTOR = (2.0, 4.0)
"""A small crowd's extra visits, in units of the rate usual at that time of the week."""
SHOT_MINUTES = (3.0, 15.0)
_SHOT_SHARE = np.mean(SHOT_FACTOR) * np.mean(SHOT_MINUTES) / MINUTES_PER_DAY
"""What one small crowd a day adds to the mean rate."""


class Intensity:
    """Visits per second in each minute of the run; asked in ascending order, whatever is skipped.

    Its mean over weeks is ``rate_per_s``, small crowds included, announced ones not.
    """

    def __init__(self, traffic: Traffic, start_s: float, streams: Streams) -> None:
        self._traffic = traffic
        self._streams = streams
        self._week = pattern(traffic.day_ratio, traffic.week_ratio)
        self._first_minute = int(start_s // 60) - _THURSDAY + _MINUTES_PER_WEEK
        self._level = 1.0
        if traffic.burstiness > 0.0:
            shape = traffic.burstiness**-2
            self._level = float(streams.named("traffic level").gamma(shape, 1.0 / shape))
        self._day = -1
        self._rates: Floats = np.zeros(0)

    def at(self, minute: int) -> float:
        """Visits per second in ``minute`` of the run. Raise ValueError for a day that is over."""
        day, within = divmod(minute, MINUTES_PER_DAY)
        if day < self._day:
            raise ValueError(f"minute {minute} of day {day} is over, it is day {self._day}")
        while self._day < day:
            self._day += 1
            self._rates = self._of_day(self._day)
        return float(self._rates[within])

    def _of_day(self, day: int) -> Floats:
        minutes = self._first_minute + day * MINUTES_PER_DAY + np.arange(MINUTES_PER_DAY)
        usual = self._traffic.rate_per_s * self._week[minutes % _MINUTES_PER_WEEK]
        crowds = self._small_crowds(day)
        expected = 1.0 + self._traffic.shots_per_day * _SHOT_SHARE
        return np.asarray(usual * (self._gamma_factors(day) + crowds) / expected)

    def _gamma_factors(self, day: int) -> Floats:
        """(minutes,) of mean 1 and standard deviation ``burstiness``, correlated by ``memory``.

        The beta-gamma autoregression of Lewis, McKenzie and Hugus (1989): a beta share of the last
        level stays, fresh gamma comes on top, and every level is exactly gamma distributed.
        """
        if self._traffic.burstiness <= 0.0:
            return np.ones(MINUTES_PER_DAY)
        shape, memory = self._traffic.burstiness**-2, self._traffic.memory
        stream = self._streams.named("traffic factor", day)
        fresh = stream.gamma(shape * (1.0 - memory), 1.0 / shape, size=MINUTES_PER_DAY)
        if memory <= 0.0:
            return np.asarray(fresh)
        stays = stream.beta(shape * memory, shape * (1.0 - memory), size=MINUTES_PER_DAY)
        factors, level = np.empty(MINUTES_PER_DAY), self._level
        for minute in range(MINUTES_PER_DAY):
            level = stays[minute] * level + fresh[minute]
            factors[minute] = level
        self._level = float(level)
        return factors

    def _small_crowds(self, day: int) -> Floats:
        """(minutes,) extra rate in units of the usual one, from crowds of this day and the last."""
        levels = np.zeros(2 * MINUTES_PER_DAY)
        for before, offset in ((day - 1, 0), (day, MINUTES_PER_DAY)):
            if before < 0 or self._traffic.shots_per_day <= 0.0:
                continue
            stream = self._streams.named("traffic crowds", before)
            count = int(stream.poisson(self._traffic.shots_per_day))
            starts = offset + stream.uniform(0.0, MINUTES_PER_DAY, size=count)
            ends = starts + stream.uniform(*SHOT_MINUTES, size=count)
            sizes = stream.uniform(*SHOT_FACTOR, size=count)
            for start, end, size in zip(starts, ends, sizes, strict=True):
                minutes = np.arange(int(start), min(int(end) + 1, len(levels)))
                there = np.minimum(minutes + 1.0, end) - np.maximum(minutes, start)
                levels[minutes] += size * there
        return levels[MINUTES_PER_DAY:]


def pattern(day_ratio: float, week_ratio: float) -> Floats:
    """(minutes of a week from Monday,) relative rates of mean 1; ratios are peak over trough."""
    minutes = np.arange(_MINUTES_PER_WEEK) + 0.5
    day = np.cos(2 * np.pi * (minutes / MINUTES_PER_DAY - PEAK_OF_DAY))
    week = np.cos(2 * np.pi * (minutes / _MINUTES_PER_WEEK - PEAK_OF_WEEK))
    rates = day_ratio ** (day / 2) * week_ratio ** (week / 2)
    return np.asarray(rates / rates.mean())

"""A level for each hour of the day, straight lines between them, and how restless the rest is.

Levels stand at the middle of their hours. `long_run_variance` says what independent values of
that variance would say as surely: n times the variance of the mean of n. It is taken from means of
neighbouring blocks of b and of 2 b values, extrapolated to endless blocks (Vats and Flegal,
*Lugsail lag windows*, Biometrika 2022), and is never below the variance of single values.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_S = 86_400.0
HOURS = 24
LEAST_BLOCKS = 4


def hour_of_day(at_s: float) -> float:
    """0 to 24, in UTC."""
    return at_s % DAY_S / 3_600.0


def level_at(levels: Floats, hours: Floats | float) -> Floats:
    """Levels of shape (..., 24) at hours of the day."""
    place = np.asarray(hours) - 0.5
    before = np.floor(place)
    part = place - before
    first = before.astype(np.int64) % HOURS
    found: Floats = (1.0 - part) * levels[..., first] + part * levels[..., (first + 1) % HOURS]
    return found


def by_hour(hours: Floats, weights: Floats) -> Floats:
    """Sums of weights in each hour of the day."""
    places = hours.astype(np.int64) % HOURS
    found: Floats = np.bincount(places, weights, HOURS).astype(np.float64)
    return found


def filled(levels: Floats, known: NDArray[np.bool_]) -> Floats:
    """Hours nobody knows lie on the line between their neighbours; at least one is known."""
    places = np.arange(HOURS)
    return np.interp(places, places[known], levels[known], period=HOURS)


def smooth(levels: Floats, waves: int = 3) -> Floats:
    """Only what turns at most three times a day, so that noise of hours is not taken for level."""
    parts = np.fft.rfft(levels)
    parts[waves + 1 :] = 0.0
    found: Floats = np.fft.irfft(parts, HOURS)
    return found


def season_share(levels: Floats, center: float, noise: Floats, known: NDArray[np.bool_]) -> float:
    """How much of the hours' distance from the center is season, not noise (James and Stein 1961).

    ``noise`` holds the variance of each hour's level. Without a season it is about 0, so that the
    level is that of the whole day.
    """
    between = float(np.mean((levels[known] - center) ** 2))
    return max(0.0, 1.0 - float(np.mean(noise[known])) / between) if between > 0.0 else 0.0


def long_run_variance(values: Floats) -> float:
    """See the module; of values without a level of their own, in order of time."""
    single = float(np.mean(values**2))
    block = math.ceil(math.sqrt(values.size))
    if values.size // (2 * block) < LEAST_BLOCKS:
        return single
    short, long = _of_blocks(values, block), _of_blocks(values, 2 * block)
    return max(single, short, 2.0 * long - short)


def _of_blocks(values: Floats, block: int) -> float:
    means = values[: values.size // block * block].reshape(-1, block).mean(axis=1)
    return block * float(np.mean(np.diff(means) ** 2)) / 2.0

"""How often a series that stays below a border in health would pass it, from what it did below.

Peaks over threshold (Pickands 1975; Davison and Smith 1990): exceedances of a high level,
declustered by runs, follow a generalized Pareto law, fitted by probability-weighted moments
(Hosking and Wallis 1987) and continued to the border. The interval is a bootstrap over clusters
and their Poisson number. Where enough crossings were seen they are counted instead, and where there
is no tail to continue (a constant, a count that never moved) only a bound is given. Measured over
simulated weeks in `tests/calibration` and by `python -m benchmarks.calibrate`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

Numbers = NDArray[np.float64]
Steps = NDArray[np.int64]

LEVELS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
"""Shares of the series below the level at which a tail begins."""
MOST_CLUSTERS, LEAST_CLUSTERS = 60, 20
ENOUGH_CROSSINGS = 10
"""So many are counted; fewer are continued from the tail."""
SHAPES = (-0.5, 0.5)
"""The fit is unstable beyond; a heavier tail than 0.5 would have shown crossings."""
DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class TailRate:
    """Crossings per second. ``draws``: as likely as not, for intervals of sums.

    ``how``: ``counted``, ``continued`` or ``bounded`` (then ``expected_per_s`` is 0, and only the
    interval's upper end says anything), or ``unwatched``: it was never known, and nothing is said.
    """

    expected_per_s: float
    draws: Numbers
    crossings: int
    how: str
    watched_s: float
    """Known seconds, from which all this is."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate, per second; from 0 where nothing says that it is more."""
        low, high = np.quantile(self.draws, (0.025, 0.975))
        return (float(low) if self.expected_per_s else 0.0), float(high)


def tail_rate(
    margins: Numbers,
    step_s: float,
    gap: int,
    random: np.random.Generator,
    at: Steps | None = None,
) -> TailRate:
    """``margins``: one number a step, above 0 when the border is passed, -inf when unknown.

    Crossings less than ``gap`` steps apart are one. ``at``: the step of each number, where some
    were left out. Only known steps are time in which a crossing could have been seen.
    """
    known_s = int(np.count_nonzero(np.isfinite(margins))) * step_s
    watched_s = known_s or step_s
    crossings = len(run_maxima(margins, 0.0, gap, at))
    counted = counted_draws(crossings, watched_s, random)
    if crossings >= ENOUGH_CROSSINGS:
        return TailRate(crossings / watched_s, counted, crossings, "counted", known_s)
    peaks, level = _tail(margins, gap, at)
    if peaks is None or level >= 0.0:
        how = "counted" if crossings else "bounded" if known_s else "unwatched"
        return TailRate(crossings / watched_s, counted, crossings, how, known_s)
    shares = _shares_beyond(peaks[None, :], level)
    expected_per_s = peaks.size / watched_s * float(shares[0])
    again = random.choice(peaks, (DRAWS, peaks.size))
    numbers = random.gamma(peaks.size + 0.5, 1.0 / watched_s, DRAWS)
    draws = numbers * _shares_beyond(again, level)
    return TailRate(expected_per_s, draws, crossings, "continued", known_s)


def counted_draws(crossings: int, watched_s: float, random: np.random.Generator) -> Numbers:
    """Rates that may have brought so many crossings: by Jeffreys' prior, and where nothing was
    seen by the flat one, whose upper end is the exact bound.

    Evenly spread over the law and then shuffled, so that intervals do not tremble.
    """
    evenly = (np.arange(DRAWS) + 0.5) / DRAWS
    spread: Numbers = gammaincinv(crossings + (0.5 if crossings else 1.0), evenly) / watched_s
    return random.permutation(spread)


def run_maxima(margins: Numbers, level: float, gap: int, at: Steps | None = None) -> Numbers:
    """The largest of each run above a level; runs end when ``gap`` steps stay at or below it.

    ``at``: the step of each number, rising, where some were left out.
    """
    above = np.flatnonzero(margins > level)
    if not above.size:
        return np.zeros(0)
    steps = above if at is None else at[above]
    starts = np.flatnonzero(np.diff(steps, prepend=steps[0] - gap - 1) > gap)
    found: Numbers = np.maximum.reduceat(margins[above], starts)
    return found


def _tail(margins: Numbers, gap: int, at: Steps | None) -> tuple[Numbers | None, float]:
    """Cluster maxima above the highest level that leaves enough of them, and that level."""
    known = margins[np.isfinite(margins)]
    best: tuple[Numbers | None, float] = (None, 0.0)
    for share in LEVELS if known.size else ():
        level = float(np.quantile(known, share))
        peaks = run_maxima(margins, level, gap, at)
        if peaks.size < LEAST_CLUSTERS or np.ptp(peaks) <= 0.0:
            break
        best = peaks, level
        if peaks.size <= MOST_CLUSTERS:
            break
    return best


def _shares_beyond(peaks: Numbers, level: float) -> Numbers:
    """Share of clusters that pass 0, by the law fitted to each row of maxima above ``level``."""
    excess = np.sort(peaks - level, axis=1)
    count = excess.shape[1]
    mean = excess.mean(axis=1)
    weights = (count - 1.0 - np.arange(count)) / (count - 1.0)
    weighted = (excess * weights).mean(axis=1)
    bend = np.maximum(mean - 2.0 * weighted, 1e-12)
    shape = np.clip(2.0 - mean / bend, *SHAPES)
    # The scale that keeps the mean right for the shape as clipped.
    scale = np.maximum(mean * (1.0 - shape), 1e-12)
    inside = 1.0 + shape * -level / scale
    flat = np.abs(shape) < 1e-6
    powers = np.where(flat, 1.0, shape)
    bent = np.where(inside > 0.0, np.maximum(inside, 1e-300) ** (-1.0 / powers), 0.0)
    return np.where(flat, np.exp(level / scale), bent)

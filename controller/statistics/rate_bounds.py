"""How low or high the rate behind counts may be: exact bounds (Clopper and Pearson 1934)."""

from __future__ import annotations

from scipy.special import betaincinv

TWO_SE = 0.02275
"""Chance that the true rate lies beyond a bound: that of two standard errors of a normal."""
LEAST_TRIALS = 1_000_000
"""At 5 % the bound is then within 1 % of the rate. With fewer, a bound costs too much delay, and
the plain rate instead of a bound makes false alarms (6.7 % per million at 100,000 trials)."""


def lower_bound(trials: float, successes: float, chance: float = TWO_SE) -> float:
    """The rate is at least this, but for a ``chance``."""
    if successes <= 0.0:
        return 0.0
    return float(betaincinv(successes, trials - successes + 1.0, chance))


def upper_bound(trials: float, successes: float) -> float:
    """The rate is at most this, but for a chance of `TWO_SE`."""
    if successes >= trials:
        return 1.0
    return float(betaincinv(successes + 1.0, trials - successes, 1.0 - TWO_SE))

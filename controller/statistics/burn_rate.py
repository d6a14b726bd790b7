"""How fast an error budget burns, as far as counts prove it, and how much of it is left.

The budget of an objective is the share ``1 - target`` of events that may be bad. A burn rate of 1
uses it up exactly in the objective's window, 14.4 uses 2 % of 30 days in one hour (Google, The Site
Reliability Workbook, chapter 5). The plain rate pages on one error of 30 requests; here a burn rate
is the exact lower bound of Clopper and Pearson (1934) at `CONFIDENCE`, and fewer than `LEAST_BAD`
bad events are no burn at all. So ``burn > x`` is the exact one-sided binomial test that the true
rate is above x, for every x at once; with much traffic bound and rate are nearly one.

Measured alarms per 30 days at a target of 99.9 %, independent requests, a look each minute:

    condition (long and short window)     0.2/s    50/s    true rate of bad requests
    1 h and 5 min > 14.4, and > 6         0        0       at the target, and half of it
    6 h and 30 min > 6                    0        0       at the target
    3 d and 6 h > 1                       0        0.2     exactly at the target (20 runs of 30 d)
    3 d and 6 h > 1                       0        0       half of it

Six runs of 30 days for the first line, ten for the second and last. Errors in bursts are real burns
and alarm. `tests/statistics/test_burn_rate.py` repeats the lines of 1 h, and the third with 4 runs.
"""

from __future__ import annotations

from controller.statistics.rate_bounds import lower_bound

CONFIDENCE = 0.999
LEAST_BAD = 5
"""Fewer bad events prove nothing, however few the good ones are."""
WINDOWS_RATIO = 12
"""The short window that must burn too is this part of the long one: 5 min of 1 h, 6 h of 3 d."""


def proven_burn(total: int, bad: int, target: float) -> float:
    """The burn rate is at least this; 0 with fewer than `LEAST_BAD` bad events.

    >>> proven_burn(30, 1, 0.999)
    0.0
    >>> proven_burn(30, 5, 0.999) > 14.4
    True
    """
    if bad < LEAST_BAD:
        return 0.0
    return lower_bound(total, bad, 1.0 - CONFIDENCE) / (1.0 - target)


def least_burn(long: tuple[int, int], short: tuple[int, int], target: float) -> float:
    """What both windows, each (total, bad), prove: what is over stops to burn in the short one."""
    return min(proven_burn(*long, target), proven_burn(*short, target))


def least_events(target: float) -> float:
    """So many events must be known before there is a budget: one of `LEAST_BAD` bad events."""
    return LEAST_BAD / (1.0 - target)


def budget_left(total: int, bad: int, target: float) -> float:
    """The share of the budget of these events that is left; below 0 when it is overdrawn.

    >>> round(budget_left(10_000, 4, 0.999), 6)
    0.6
    """
    return 1.0 - bad / ((1.0 - target) * total)

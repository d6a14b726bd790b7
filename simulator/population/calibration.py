"""The click model's intercept from the click rate wanted: by bisection, on a fixed sample."""

from __future__ import annotations

import numpy as np

from controller.errors import BadInput
from simulator.population import looks
from simulator.population.clicks import sigmoid
from simulator.population.lanes import Lane
from simulator.population.people import Floats, Integers

VISITS = 4_000
WARM_UP_BLOCKS = 5
"""Fatigue needs some minutes to be what it usually is."""
BLOCKS_MIN, BLOCKS_MAX = 15, 400
"""Enough for most of those who are here to be others than at first."""
TIMES = 96
"""Trends and moods move, so the sample is of every quarter of an hour of a day."""
_QUARTER_US = 900_000_000
_LOW, _HIGH, _STEPS = -40.0, 40.0, 60


def sample_visits(lane: Lane) -> tuple[Integers, Floats]:
    """(user rows, fatigue) of about ``VISITS`` visits, some minutes into a lane of their own."""
    users: list[Integers] = []
    fatigue: list[Floats] = []
    for block in range(BLOCKS_MAX):
        _, came, tired = lane.arrivals(block)
        if block >= WARM_UP_BLOCKS:
            users.append(came)
            fatigue.append(tired)
            if block + 1 >= BLOCKS_MIN and sum(map(len, users)) >= VISITS:
                break
    every = max(1, sum(map(len, users)) // VISITS)
    return np.concatenate(users)[::every], np.concatenate(fatigue)[::every]


def sample_times(count: int) -> Integers:
    """(count,) ascending, in the middle of each quarter of an hour of the first day."""
    return (np.arange(count) * TIMES // max(count, 1)) * _QUARTER_US + _QUARTER_US // 2


def intercept_for(ctr: float, model: looks.ClickModel, logits: Floats, examined: Floats) -> float:
    """What to add to ``logits`` (n, k) so that ``ctr`` of the slates get a click.

    Raise BadInput for a share that is not between 0 and 1.
    """
    if not 0.0 < ctr < 1.0:
        raise BadInput(f"a click rate of {ctr:g}; more than 0 and less than 1 is accepted")
    low, high = _LOW, _HIGH
    for _ in range(_STEPS):
        middle = (low + high) / 2
        chances = looks.marginals(model, sigmoid(logits + middle), examined)
        if looks.any_click(model, chances).mean() < ctr:
            low = middle
        else:
            high = middle
    return (low + high) / 2

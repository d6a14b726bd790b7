"""What a score promises: episodes on healthy series come at most about as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from controller.statistics.anomaly import AnomalyScorer, threshold
from controller.statistics.anomaly_tail import EPISODE_GAP

DAYS = 14
POINTS = DAYS * 1440
RUNS = 2
WARM_DAYS = 1


def _ar(rng: np.random.Generator, phi: float) -> np.ndarray:
    return lfilter([np.sqrt(1 - phi * phi)], [1, -phi], rng.normal(size=POINTS))


HEALTHY = {
    "AR(1) of 0.9": lambda rng: _ar(rng, 0.9),
    "seasonal": lambda rng: 5 * np.sin(2 * np.pi * np.arange(POINTS) / 1440) + _ar(rng, 0.5),
    "heavy-tailed": lambda rng: np.exp(0.8 * _ar(rng, 0.5)),
}


def episodes(scores: np.ndarray, least: float) -> int:
    at = np.flatnonzero(scores >= least)
    return int((np.diff(at, prepend=-EPISODE_GAP - 1) > EPISODE_GAP).sum())


@pytest.mark.parametrize("kind", HEALTHY)
def test_alarms_on_a_healthy_series_keep_to_their_rate(kind) -> None:
    """At one per 7 days of minutes: at most 3 times that (expected 3.7 episodes here)."""
    weekly = threshold(1, 7 * 86_400.0, 60.0)
    daily = threshold(1, 86_400.0, 60.0)
    by_week = by_day = 0
    for run in range(RUNS):
        series = HEALTHY[kind](np.random.default_rng([31, run]))
        found = AnomalyScorer().score_many(60.0 * np.arange(POINTS), series)[WARM_DAYS * 1440 :]
        by_week += episodes(found, weekly)
        by_day += episodes(found, daily)
    days = RUNS * (DAYS - WARM_DAYS)
    assert by_week <= 3 * days / 7
    assert days / 8 <= by_day <= 1.5 * days

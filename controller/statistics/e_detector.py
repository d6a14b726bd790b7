"""Change detectors whose false alarms are bounded without a model of what comes: e-detectors.

Shin, Ramdas, Rinaldo, *E-detectors* (arXiv 2203.03532). A bet's factor L of a step has conditional
mean at most 1 while nothing changed. Shiryaev-Roberts adds up all pasts, M <- L (M + w), CUSUM
keeps the best one, M <- L max(M, w), for bets of weights w that sum to 1. M less the steps is a
supermartingale, so with an alarm once the sum of all M reaches A there are at least A steps in the
mean until a false one, whatever the dependence between steps. Doubled counts or a wrong baseline
are outside of that.

Measured for clicks, 5 to 4 %: see `benchmarks/monitors_ctr.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

RATIOS = np.array([0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.45, 0.25])
WEIGHTS = np.array([0.06, 0.14, 0.17, 0.17, 0.13, 0.10, 0.10, 0.08, 0.05])
"""Falls that are bet on, as ratios of rates; most weight where a rollback is urgent and not yet
plain to see. A rise is bet on by the inverse ratios of odds."""
LARGEST_LOG_FACTOR = 300.0
LARGEST_EVIDENCE = 1e300
LEAST_RATE = 1e-9
"""A baseline rate is kept this far from 0 and 1, where one event would prove everything."""


class Form(StrEnum):
    """Shiryaev-Roberts is faster at small changes; CUSUM has far fewer false alarms than stated."""

    SHIRYAEV_ROBERTS = "shiryaev_roberts"
    CUSUM = "cusum"


@dataclass(frozen=True)
class RateBets:
    """Bets on the rate of successes among trials: arrays of one element per bet.

    ``on_success`` and ``on_failure`` are logs of likelihood ratios, of shape (..., bets) where the
    rate of the null is one of each of many steps.
    """

    on_success: Floats
    on_failure: Floats
    weights: Floats

    @classmethod
    def on_fall(cls, floor: ArrayLike) -> RateBets:
        """Null: each trial succeeds with a chance of at least ``floor``, given all before."""
        low = _inside(floor)
        failure = np.log1p(-RATIOS * low) - np.log1p(-low)
        return cls(np.broadcast_to(np.log(RATIOS), failure.shape), failure, WEIGHTS)

    @classmethod
    def on_rise(cls, ceiling: ArrayLike) -> RateBets:
        """Null: each trial succeeds with a chance of at most ``ceiling``, given all before.

        The bets are that failures' odds fall, so that no rate bet on exceeds 1.
        """
        high = _inside(ceiling)
        # Odds divided by the ratio: success is worth 1 / (ratio (1 - p) + p), failure ratio times.
        scale = -np.log(high + RATIOS * (1.0 - high))
        return cls(scale, np.log(RATIOS) + scale, WEIGHTS)

    @classmethod
    def on_either(cls, floor: ArrayLike, ceiling: ArrayLike) -> RateBets:
        """Both at half weight: together they still make one false alarm per A steps at most."""
        fall, rise = cls.on_fall(floor), cls.on_rise(ceiling)
        return cls(
            np.concatenate([fall.on_success, rise.on_success], axis=-1),
            np.concatenate([fall.on_failure, rise.on_failure], axis=-1),
            np.concatenate([fall.weights, rise.weights]) / 2.0,
        )

    def log_factors(self, trials: ArrayLike, successes: ArrayLike) -> Floats:
        """One step of counts of any shape (...): logs of factors, shape (..., bets)."""
        count = np.asarray(trials, dtype=np.float64)[..., None]
        good = np.asarray(successes, dtype=np.float64)[..., None]
        found: Floats = good * self.on_success + (count - good) * self.on_failure
        return found


def attribution_log_factors(
    chance: ArrayLike, own: ArrayLike, others: ArrayLike, ratios: Floats = RATIOS
) -> Floats:
    """The same for clicks of an arm against those of a concurrent control, shape (..., bets).

    Null: the arm's click-through rate is at least the control's, whatever both do over time. Then
    a click is the arm's ``own`` with at least the ``chance`` that the request was routed to it, the
    propensity logged at the draw given that it went to one of the two (Lindon and Malek, NeurIPS
    2022, arXiv 2011.03567). Clicks of draws of different chances must be different calls, whose
    results are added up. The same holds of draws instead of clicks. Weights of `RATIOS`: `WEIGHTS`.
    """
    routed = np.asarray(chance, dtype=np.float64)[..., None]
    # With q = pi r / (pi r + 1 - pi): q / pi = r / scale and (1 - q) / (1 - pi) = 1 / scale.
    scale = np.log(routed * ratios + 1.0 - routed)
    mine = np.asarray(own, dtype=np.float64)[..., None]
    all_clicks = mine + np.asarray(others, dtype=np.float64)[..., None]
    found: Floats = mine * np.log(ratios) - all_clicks * scale
    return found


def threshold(one_per_s: float, step_s: float) -> float:
    """A for one false alarm per that many seconds at most, at a step every ``step_s``.

    Raise ValueError when that is less than one step.
    """
    steps = one_per_s / step_s
    if not steps >= 1.0:
        raise ValueError(f"no detector has a false alarm every {one_per_s:g}s in {step_s:g}s steps")
    return steps


class EDetector:
    """Many independent ``runs`` (a shape, () for one) of one detector; state (*runs, bets)."""

    def __init__(
        self,
        weights: Floats,
        alarm_at: float,
        form: Form = Form.SHIRYAEV_ROBERTS,
        runs: tuple[int, ...] = (),
    ) -> None:
        self._weights = weights
        self._alarm_at = alarm_at
        self._form = form
        self.state: Floats = np.zeros((*runs, weights.size))

    def step(self, log_factors: Floats) -> NDArray[np.bool_]:
        """Bet on one step; which runs (of shape ``runs``) stand at an alarm now."""
        if self._form is Form.CUSUM:
            staked = np.maximum(self.state, self._weights)
        else:
            staked = self.state + self._weights
        factors = np.exp(np.minimum(log_factors, LARGEST_LOG_FACTOR))
        self.state = np.minimum(factors * staked, LARGEST_EVIDENCE)
        return self.evidence() >= self._alarm_at

    def evidence(self) -> Floats:
        """The sum that is compared with A, of shape ``runs``."""
        found: Floats = np.asarray(self.state.sum(axis=-1))
        return found

    def restart(self, which: Any = ...) -> None:
        """Begin anew, after an alarm or where the steps between are not known."""
        self.state[which] = 0.0


def _inside(rate: ArrayLike) -> Floats:
    """Of shape (..., 1), so that bets have their own axis."""
    found: Floats = np.clip(np.asarray(rate, dtype=np.float64), LEAST_RATE, 1.0 - LEAST_RATE)
    return found[..., None]

"""Whether draws fall as their logged chances say: an e-process over tilts of the odds.

Of draws that go to an arm with a logged chance p, one whose odds are r times as large falls with
q = p r / (p r + 1 - p). Each tilt r keeps its likelihood ratio against p; their mean over a
two-sided grid and all arms is an e-process whatever the chances do over time, so by Ville's
inequality it ever reaches 1,000 with a chance of at most 1/1,000 while all is well. The tilts are
carried across changes of the plan, so that a small loss over many revisions adds up (Lindon and
Malek, NeurIPS 2022, arXiv 2011.03567, with a grid instead of a Beta prior).

So that a fault late in the day does not have to make up for what its tilt lost before, a 24th of
each stake enters every hour (a mixture over beginnings is an e-process too, at the price of
log10(24) = 1.4). A new process starts once a day, but not while evidence stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.statistics.e_detector import attribution_log_factors

_FALLS = np.array([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99])
TILTS = np.concatenate([_FALLS, 1.0 / _FALLS])
FREEZE_LOG10 = 3.0
"""Evidence at which draws are not what they were logged as: one false alarm in 1,000 processes."""
BEGINNINGS = 24
HOUR_S = 3_600
STANDS_LOG10 = 1.0
"""A process with more evidence than this goes on after its day, until the evidence is gone."""
_LOG10 = float(np.log(10.0))


class Draws(NamedTuple):
    """Draws at which one arm had one chance: those that went to it, and to others."""

    arm: int
    chance: float
    own: int
    others: int


class SampleRatio:
    """Sequential. ``arms`` are numbered from 0; each shares the stake alike."""

    def __init__(self, arms: int) -> None:
        self._arms = arms
        self.log_stakes = np.full((arms, TILTS.size), -np.inf)
        """Logs of what the tilts, of all beginnings, are worth; shape (arms, tilts)."""
        self.begun = 0
        """Beginnings so far; what has not begun is worth its stake."""
        self.draws = 0

    def begin(self) -> None:
        """Another hour starts: stake another part, or start a new process after the last."""
        if self.begun >= BEGINNINGS:
            if self.evidence_log10() > STANDS_LOG10:
                return
            self.__init__(self._arms)  # type: ignore[misc]
        stake = -np.log(BEGINNINGS * self._arms * TILTS.size)
        self.log_stakes = np.logaddexp(self.log_stakes, stake)
        self.begun += 1

    def add(self, draws: Sequence[Draws]) -> None:
        """Bet on draws of chances strictly between 0 and 1."""
        if not draws:
            return
        arm, chance, own, others = (np.array(column) for column in zip(*draws, strict=True))
        factors = attribution_log_factors(chance, own, others, TILTS)
        np.add.at(self.log_stakes, arm, factors)
        self.draws += int(own.sum())

    def evidence_log10(self) -> float:
        """log10 of the e-process; 0 says nothing, 3 that draws are not as logged."""
        waiting = 1.0 - self.begun / BEGINNINGS
        known = np.logaddexp.reduce(self.log_stakes, axis=None)
        log_waiting = np.log(waiting) if waiting > 0.0 else -np.inf
        return float(np.logaddexp(known, log_waiting)) / _LOG10

    def snapshot(self) -> dict[str, NDArray[np.float64]]:
        """All of it as plain arrays."""
        return {
            "log_stakes": self.log_stakes,
            "counts": np.array([self.begun, self.draws], dtype=np.float64),
        }

    def restore(self, log_stakes: NDArray[np.float64], counts: NDArray[np.float64]) -> None:
        """Become what was snapshotted. Raise ValueError on another number of arms."""
        if log_stakes.shape != self.log_stakes.shape or counts.shape != (2,):
            raise ValueError("the sample ratio of other arms")
        self.log_stakes = log_stakes.astype(np.float64)
        self.begun, self.draws = int(counts[0]), int(counts[1])

"""The click model: P(click at position p) is examine(p) * sigmoid(appeal + taste + mood + trend).

Position-biased (PBM). Every item is clicked independently given that it was examined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.population.looks import examine
from simulator.population.moods import Moods
from simulator.population.people import Floats, Integers, Population
from simulator.population.trends import Trends


@dataclass(frozen=True, slots=True)
class ClickWeights:
    """Log-odds. The click rates are higher than on most sites, so that minutes suffice."""

    intercept: float = -6.0
    appeal: float = 0.15
    taste: float = 1.7
    mood: float = 5.5
    trend: float = 4.5
    rank_exponent: float = 0.8
    """Examination falls as (p + 1) to the minus this; 0.7 to 1 is measured on real lists."""


def log_odds(
    weights: ClickWeights, appeal: Floats, taste: Floats, mood: Floats, trend: Floats
) -> Floats:
    """Of liking items, arrays of one shape: the one click model, of both worlds."""
    return np.asarray(
        weights.intercept
        + weights.appeal * appeal
        + weights.taste * taste
        + weights.mood * mood
        + weights.trend * trend
    )


def sigmoid(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


class Clicks:
    """Chances of a click; pure apart from the moods and trends it reads."""

    def __init__(
        self,
        population: Population,
        moods: Moods,
        trends: Trends,
        weights: ClickWeights | None = None,
    ) -> None:
        self._population = population
        self._moods = moods
        self._trends = trends
        self.weights = weights or ClickWeights()

    def examine(self, size: int) -> Floats:
        """(size,) chance that the user looks at each position of a slate."""
        return examine(size, self.weights.rank_exponent)

    def logits(self, users: Integers, slates: Integers, at_s: Floats) -> Floats:
        """(n, k) log-odds of liking each item of each user's slate of item rows at its time.

        One trend level is used for the whole call, that of the latest time.
        """
        people, weights = self._population, self.weights
        vectors = people.item_vectors[slates]
        taste = np.einsum("nd,nkd->nk", people.taste[users], vectors)
        mood = np.einsum("nd,nkd->nk", self._moods.vectors(users, at_s), vectors)
        trend = self._trends.at(float(at_s.max()))[slates]
        return log_odds(weights, people.appeal[slates], taste, mood, trend)

    def chances(self, users: Integers, slates: Integers, at_s: Floats) -> Floats:
        """(n, k) chance that each position is clicked."""
        liked = sigmoid(self.logits(users, slates, at_s))
        return np.asarray(self.examine(slates.shape[1]) * liked)

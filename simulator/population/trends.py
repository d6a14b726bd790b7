"""What is talked about right now: a few items rise and fall within an hour.

A function of time alone (no state), so history and live traffic see the same trends.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from simulator.population.people import Floats, Population
from simulator.population.streams import Streams

TREND_SLOT_S = 1_800.0
"""An item rises during one slot and falls during the next."""
TRENDING_SHARE = 0.06


class Trends:
    """Level of every item at a time: 0 (not talked about) to 1 (its peak)."""

    def __init__(self, population: Population) -> None:
        self._streams = Streams(population.seed)
        self._weights = population.popularity
        self._count = max(1, round(TRENDING_SHARE * len(self._weights)))
        self._peaks = lru_cache(maxsize=8)(self._draw_peaks)

    def at(self, at_s: float) -> Floats:
        """(items,) levels at ``at_s`` (seconds since 1970)."""
        slot, within = divmod(at_s, TREND_SLOT_S)
        rising = within / TREND_SLOT_S
        before, after = self._peaks(int(slot)), self._peaks(int(slot) + 1)
        return (1.0 - rising) * before + rising * after

    def _draw_peaks(self, slot: int) -> Floats:
        """Items at their peak when ``slot`` begins; known items trend more often."""
        stream = self._streams.named("trends", slot)
        peaks = np.zeros(len(self._weights))
        chosen = stream.choice(len(peaks), self._count, replace=False, p=self._weights)
        peaks[chosen] = stream.uniform(0.5, 1.0, size=self._count)
        return peaks

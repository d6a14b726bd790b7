"""What the arms' models say of their slates: the top score, its lead and the scores' entropy.

A model that knows its users scores those lower who are tired of what they see, so a score tells
something of the click to come, and moves when the model's inputs do. The smaller the lead, the more
even are all scores. An in-process arm gives all the same. A row depends on the visit alone, so a
probe that copies a visit is scored as it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from simulator.population.streams import Streams
from simulator.visits import Floats, Integers
from simulator.world.arrow_columns import Mask

MEAN_SCORE = 2.0
SCORE_SD = 0.5
PER_SHIFT = 0.25
"""How far a score moves when all inputs are off by one standard deviation."""
MARGIN = 0.2
SAME_FOR_ALL = (1.0, 0.1, 0.9)
"""Top score, margin and share of the greatest entropy of an in-process arm."""


class ScoreRows:
    """``of`` gives (m, 3) scores, margins and entropies in nats of slates of a block's visits."""

    def __init__(self, seed: int, slate_size: int) -> None:
        self._streams = Streams(seed)
        self._most_nats = math.log(slate_size)
        self._has_second = slate_size > 1
        self._drawn = lru_cache(maxsize=2)(self._draw)

    def of(
        self,
        block: int,
        visits: int,
        places: Integers,
        *,
        is_personal: Mask,
        fatigue: Floats,
        off_sd: Floats,
        margin_factor: Floats,
    ) -> Floats:
        """By the places in the block; ``visits``: how many it has. The other arrays are (m,)."""
        luck = self._drawn(block, visits)[places]
        top, margin, evenness = SAME_FOR_ALL
        scores = np.stack(
            [
                MEAN_SCORE - fatigue + SCORE_SD * luck[:, 0] + PER_SHIFT * off_sd,
                MARGIN * margin_factor * np.exp(0.5 * luck[:, 1]),
                1.0 - 0.3 * margin_factor / (1.0 + np.exp(-luck[:, 1])),
            ],
            axis=1,
        )
        scores[~is_personal] = top, margin, evenness
        scores[:, 1] *= self._has_second
        scores[:, 2] *= self._most_nats
        return scores

    def _draw(self, block: int, visits: int) -> Floats:
        return self._streams.named("model scores", block).standard_normal((visits, 2))

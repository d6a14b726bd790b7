"""How hot each item is: its share of an hour's clicks, on a scale that knows no traffic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OWN_WEIGHT = 0.5
"""Clicks every item is given beforehand: a handful of clicks in an hour says little."""


def heat_of(counts: NDArray[np.generic]) -> NDArray[np.float32]:
    """(items,) log of each item's smoothed share of the clicks relative to an equal share.

    log((c + a) / (total + a·n) · n), additive smoothing with a = mean count + `OWN_WEIGHT`. Since
    the larger part of ``a`` grows with the traffic, the same mix gives the same heat at any volume;
    nothing falls below log ½, and an hour without clicks is 0 for all. Negative counts are none.
    """
    clicks = np.maximum(counts.astype(np.float32), np.float32(0.0))
    if not len(clicks):
        return clicks
    mean = clicks.mean()
    smoothing = mean + np.float32(OWN_WEIGHT)
    heat: NDArray[np.float32] = np.log((clicks + smoothing) / (mean + smoothing))
    return heat

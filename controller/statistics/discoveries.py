"""Benjamini and Hochberg's rule (1995): which of many tests may be called discoveries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def passing(p_values: NDArray[np.float64], alpha: float) -> NDArray[np.bool_]:
    """Which pass, so that at most a share ``alpha`` of those that do is false on average."""
    order = np.argsort(p_values, kind="stable")
    ranks = np.arange(1, p_values.size + 1)
    below = np.flatnonzero(p_values[order] <= alpha * ranks / max(p_values.size, 1))
    found = np.zeros(p_values.size, dtype=np.bool_)
    if below.size:
        found[order[: below[-1] + 1]] = True
    return found

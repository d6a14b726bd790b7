"""How a user goes through a slate: by position, or from the top until a click (cascade).

Both give the exact chance of a click at every position, so what would have been is known too.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.population.people import Floats

ClickModel = Literal["position", "cascade"]


def examine(size: int, exponent: float) -> Floats:
    """(size,) chance that the user looks at each position of a slate, were there no clicks."""
    return np.arange(1, size + 1, dtype=np.float64) ** -exponent


def marginals(model: ClickModel, liked: Floats, examined: Floats) -> Floats:
    """(n, k) chance of a click at each position, from the chance (n, k) that each item is liked.

    *position*: every item that is looked at and liked is clicked. *cascade* (Craswell et al.
    2008): the same, but the first click ends it.
    """
    chances = examined * liked
    if model == "cascade":
        missed = np.cumprod(1.0 - liked, axis=1)
        chances[:, 1:] *= missed[:, :-1]
    return np.asarray(chances)


def times(model: ClickModel, chances: Floats, factor: float | Floats) -> Floats:
    """Chances multiplied by one number, or by one for each row, as far as they stay chances."""
    scaled = chances * np.reshape(factor, (-1, 1))
    most = scaled.sum(axis=1, keepdims=True) if model == "cascade" else scaled
    return np.asarray(scaled / np.maximum(most, 1.0))


def clicked(model: ClickModel, chances: Floats, draws: Floats) -> NDArray[np.bool_]:
    """(n, k) by one uniform draw (n, k) for each position, from `marginals`."""
    if model == "position":
        return np.asarray(draws < chances)
    still_looking = 1.0 - (np.cumsum(chances, axis=1) - chances)
    hits = draws * still_looking < chances
    return np.asarray(hits & (np.cumsum(hits, axis=1) == 1))


def any_click(model: ClickModel, chances: Floats) -> Floats:
    """(n,) chance of at least one click on the slate."""
    if model == "cascade":
        return np.asarray(chances.sum(axis=1))
    return np.asarray(1.0 - np.prod(1.0 - chances, axis=1))

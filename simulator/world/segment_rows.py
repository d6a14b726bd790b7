"""Which visits a fault of one segment reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulator.visits import Integers
from simulator.world.arrow_columns import Mask
from simulator.world.conditions import Where


def inside(
    where: Where,
    values: Mapping[str, Sequence[str]],
    codes: Mapping[str, Integers],
    users: Integers,
) -> Mask:
    """(n,) by ``users``: whether each is of all segments named. ``codes``: by column, each user's
    place among its ``values``. Raise KeyError or ValueError for a segment there is not."""
    found = np.ones(len(users), np.bool_)
    for column, value in where:
        found &= codes[column][users] == values[column].index(value)
    return found

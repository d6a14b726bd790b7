"""What a user had enough of: an item they clicked a while ago is not clicked again soon.

Only up-to-date recent items tell a recommender not to show it again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.population.people import Floats, Integers

REMEMBERED = 20
"""The newest clicks of a user that are kept."""
HALF_LIFE_S = 1_800.0
"""An item clicked this long ago is half new again."""
_NOTHING = -1


class Satiety:
    """The last clicked items of every user and when; memory does not grow with the catalogue."""

    def __init__(self, users: int) -> None:
        self._items: Integers = np.full((users, REMEMBERED), _NOTHING, dtype=np.int64)
        self._at_s: Floats = np.full((users, REMEMBERED), -np.inf)
        self._next = np.zeros(users, dtype=np.int64)

    def levels(self, users: Integers, slates: Integers, at_s: Floats) -> Floats:
        """(n, k) from 0 (never, or long ago) to 1 (just clicked) for slates of item rows."""
        same = slates[:, :, None] == self._items[users][:, None, :]
        elapsed_s = np.maximum(at_s[:, None] - self._at_s[users], 0.0)
        left = np.exp2(-elapsed_s / HALF_LIFE_S)
        return np.asarray(np.where(same, left[:, None, :], 0.0).max(axis=2))

    def follow(
        self, users: Integers, slates: Integers, clicked: NDArray[np.bool_], at_s: Floats
    ) -> None:
        """Users clicked some of their slates (n, k); a user at most once per call."""
        row, position = np.nonzero(clicked)
        # The how manieth click of its user in this call.
        rank = (np.cumsum(clicked, axis=1) - 1)[row, position]
        user = users[row]
        place = (self._next[user] + rank) % REMEMBERED
        self._items[user, place] = slates[row, position]
        self._at_s[user, place] = at_s[row]
        self._next[users] += clicked.sum(axis=1)

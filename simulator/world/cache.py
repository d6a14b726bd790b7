"""The response cache: for each arm and version, until when every user's last answer is kept.

Arrays over users, so that a copy is cheap and a quiet span writes at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.visits import Integers

NEVER_US = -(1 << 62)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The answers of one model version."""

    until_us: Integers
    """By user; in the past where nothing is kept."""
    events_us: Integers
    """(users, groups) event times of the features that the answer was made from."""


class ResponseCache:
    """Keys are (arm, version, user). Written when an answer is done, shared by all routers."""

    def __init__(self, users: int, groups: int) -> None:
        self._users = users
        self._groups = groups
        self._shelves: dict[tuple[str, str], Shelf] = {}

    def copy(self) -> ResponseCache:
        twin = ResponseCache(self._users, self._groups)
        for key, shelf in self._shelves.items():
            twin._shelves[key] = Shelf(shelf.until_us.copy(), shelf.events_us.copy())
        return twin

    def clear(self) -> None:
        self._shelves.clear()

    def forget_expired(self, at_us: int) -> None:
        """Drop the versions of which nothing is kept any more."""
        for key in [k for k, s in self._shelves.items() if not (s.until_us > at_us).any()]:
            del self._shelves[key]

    def find(self, arm: str, version: str) -> Shelf | None:
        return self._shelves.get((arm, version))

    def shelf(self, arm: str, version: str) -> Shelf:
        """The answers of this version, to be written to."""
        key = (arm, version)
        if key not in self._shelves:
            self._shelves[key] = Shelf(
                np.full(self._users, NEVER_US, dtype=np.int64),
                np.zeros((self._users, self._groups), dtype=np.int64),
            )
        return self._shelves[key]

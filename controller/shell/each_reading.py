"""Something made of each reading of a tick, again only where the reading is another one.

Signals of slow windows keep their readings for ten ticks, and nearly all series stay for ever: so
most of what is made of them, and their order, is good for the next tick, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from controller.core.readings import Reading, Readings, SignalKey

T = TypeVar("T")


class EachReading(Generic[T]):
    """``make`` may depend on nothing but the key and the reading.

    >>> texts = EachReading(lambda key, reading: f"{key} {reading.state}")
    >>> texts.of({})
    []
    """

    def __init__(self, make: Callable[[SignalKey, Reading], T]) -> None:
        self._make = make
        self._made: dict[SignalKey, tuple[Reading, T]] = {}
        """By key, in order of keys, with the reading it was made of."""

    def of(self, readings: Readings) -> list[T]:
        """Made of all readings, in order of their keys."""
        made, seen = self._made, 0
        for key, reading in readings.items():
            held = made.get(key)
            if held is None:
                break
            if held[0] is not reading:
                made[key] = (reading, self._make(key, reading))
            seen += 1
        if not seen == len(made) == len(readings):  # there are others than before
            every = dict(readings.items())
            made = self._made = {key: self._one(key, every[key]) for key in sorted(every)}
        return [one for _, one in made.values()]

    def _one(self, key: SignalKey, reading: Reading) -> tuple[Reading, T]:
        held = self._made.get(key)
        if held is not None and held[0] is reading:
            return held
        return reading, self._make(key, reading)

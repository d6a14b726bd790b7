"""The rows that a model sees of each request: standard normal, moved by what the world does.

A row depends on the visit alone, so a probe that copies a visit shows the model the same row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from simulator.population.streams import Streams
from simulator.visits import MICROSECONDS, Floats, Integers
from simulator.world.conditions import InputShift


def input_names(count: int) -> tuple[str, ...]:
    return tuple(f"input_{place}" for place in range(count))


def shift_sd(shifts: Sequence[InputShift], at_us: int) -> float:
    """By how many of their standard deviations all inputs are off at this time."""
    return sum(shift.at(at_us / MICROSECONDS) for shift in shifts)


def shifts_sd(shifts: Sequence[InputShift], at_us: Integers) -> Floats:
    """`shift_sd` of many times at once, to the same bit."""
    off = np.zeros(len(at_us))
    seconds = at_us / MICROSECONDS
    for shift in shifts:
        ramp = np.ones(len(at_us))
        if shift.ramp_s > 0.0:
            ramp = np.minimum(1.0, (seconds - shift.since_s) / shift.ramp_s)
        off += np.where(seconds < shift.since_s, 0.0, shift.size_sd * ramp)
    return off


class InputRows:
    """``of`` gives the rows of a block's visits by their place in it."""

    def __init__(self, seed: int, inputs: int) -> None:
        self._streams = Streams(seed)
        self._inputs = inputs
        self._drawn = lru_cache(maxsize=2)(self._draw)

    def of(self, block: int, visits: int, places: Integers) -> Floats:
        """(len(places), inputs), as the model's training data was spread. ``visits``: how many the
        block has."""
        return np.asarray(self._drawn(block, visits)[places])

    def _draw(self, block: int, visits: int) -> Floats:
        stream = self._streams.named("model inputs", block)
        return stream.standard_normal((visits, self._inputs))

"""The rows that a model sees of each request: standard normal, moved by what the world does.

A row depends on the visit alone, so a probe that copies a visit shows the model the same row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from simulator.population.streams import Streams
from simulator.visits import MICROSECONDS, Floats, Integers
from simulator.world.arrow_columns import Mask
from simulator.world.conditions import InputShift, Where


def input_names(count: int) -> tuple[str, ...]:
    return tuple(f"input_{place}" for place in range(count))


def shift_sd(shifts: Sequence[InputShift], at_us: int) -> float:
    """By how many of their standard deviations all inputs of everybody are off at this time."""
    return sum(shift.at(at_us / MICROSECONDS) for shift in shifts if not shift.where)


def shifts_sd(
    shifts: Sequence[InputShift], at_us: Integers, inside: Callable[[Where], Mask]
) -> Floats:
    """`shift_sd` of many times at once, to the same bit; and of those ``inside`` a segment."""
    off = np.zeros(len(at_us))
    seconds = at_us / MICROSECONDS
    for shift in shifts:
        ramp = np.ones(len(at_us))
        if shift.ramp_s > 0.0:
            ramp = np.minimum(1.0, (seconds - shift.since_s) / shift.ramp_s)
        is_off = (seconds >= shift.since_s) & inside(shift.where)
        off += np.where(is_off, shift.size_sd * ramp, 0.0)
    return off


DEFAULT = 0.0
"""What the model is shown of a feature that came back empty: what it was trained on in the mean."""


def with_defaults(inputs: Floats, defaulted: Mask) -> Floats:
    """(n, inputs) with the defaults of feature groups that came back empty, (n, groups).

    Inputs belong to the groups in turn: the first to the first, and so on, over and over.
    """
    groups = defaulted.shape[1]
    if not groups or not defaulted.any():
        return inputs
    of_input = np.arange(inputs.shape[1]) % groups
    return np.where(defaulted[:, of_input], DEFAULT, inputs)


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

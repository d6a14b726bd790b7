"""Where all events of a slab lie in the tables of one counter, worked out once for all its parts.

A part of the slab is then counted by counting one slice. Knows nothing of what is counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


class Placing(NamedTuple):
    """Tables of ``size`` cells follow one another, a step each, from step ``first``.

    ``flat[i]`` is the cell of event i.
    """

    first: int
    size: int
    flat: Numbers

    @classmethod
    def of(cls, steps: Numbers, cells: Numbers, size: int) -> Placing:
        """Place event i in cell ``cells[i]`` of the table of ``steps[i]``. At least one event."""
        first = int(np.minimum.reduce(steps))
        return cls(first, size, (steps - first) * size + cells)

    def counted(self, start: int, end: int, low: int, high: int) -> Numbers:
        """Counts of events ``start`` to before ``end``, a row per step from ``low`` to ``high``.

        No event may lie outside of these steps.
        """
        flat = self.flat[start:end]
        if low != self.first:
            flat = flat - (low - self.first) * self.size
        steps = high - low + 1
        counts: Numbers = np.bincount(flat, minlength=steps * self.size).reshape(steps, self.size)
        return counts

"""How fast a queue grows: the median slope between all pairs of its last samples.

Theil-Sen (Theil 1950, Sen 1968) rather than least squares: one second of a full queue, as after a
pause of the garbage collector, is no growth. Up to 29 % of the samples may be anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.nesting import text_array
from controller.monitors.monitor import Arrays

SLOPE_OVER_S = 30.0
MOST_SAMPLES = 31
"""Ticks of a second in the span; quicker ones crowd out the oldest."""
MOST_ARMS = 64
_FIRST, _SECOND = np.triu_indices(MOST_SAMPLES, 1)


class QueueSlopes:
    """Sequential: a reader's own. Samples by arm."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[tuple[float, float]]] = {}

    def add(self, arm: str, at_s: float, depth: float) -> None:
        """One tick's depth; times ascend, and an equal one is the same tick again."""
        held = self._samples.get(arm)
        if held is None:
            if len(self._samples) >= MOST_ARMS:
                return
            held = self._samples[arm] = deque(maxlen=MOST_SAMPLES)
        if held and at_s <= held[-1][0]:
            return
        held.append((at_s, depth))

    def forget(self, before_s: float) -> None:
        """Drop samples before, and arms that have no others."""
        for arm, held in list(self._samples.items()):
            while held and held[0][0] < before_s:
                held.popleft()
            if not held:
                del self._samples[arm]

    def of(self, arm: str) -> tuple[float | None, int]:
        """Requests per second by which the queue grows, and from how many samples."""
        held = self._samples.get(arm, ())
        if len(held) < 2:
            return None, len(held)
        if len({depth for _, depth in held}) == 1:  # of a quiet service, nearly always
            return 0.0, len(held)
        return theil_sen(np.array(held, dtype=np.float64)), len(held)

    def snapshot(self) -> Arrays:
        rows = [(n, *sample) for n, held in enumerate(self._samples.values()) for sample in held]
        return {
            "arms": text_array(list(self._samples)),
            "samples": np.array(rows, dtype=np.float64).reshape(-1, 3),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted; nothing there: stay new. Raise KeyError or ValueError."""
        if not arrays:
            return
        names, samples = arrays["arms"].tolist(), arrays["samples"]
        if samples.ndim != 2 or samples.shape[1] != 3:
            raise ValueError("samples of queues are not in a shape this program writes")
        self._samples = {str(name): deque(maxlen=MOST_SAMPLES) for name in names}
        for place, at_s, depth in samples.tolist():
            self._samples[str(names[int(place)])].append((at_s, depth))


def theil_sen(samples: NDArray[np.float64]) -> float:
    """The median slope of (n, 2) samples of time and value; at least 2, times ascending strictly.

    >>> theil_sen(np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 90.0], [3.0, 7.0], [4.0, 9.0]]))
    2.0
    """
    count = len(samples)
    if count == MOST_SAMPLES:
        first, second = _FIRST, _SECOND
    else:
        first, second = np.triu_indices(count, 1)
    times_s, values = np.ascontiguousarray(samples.T)
    slopes = (values[second] - values[first]) / (times_s[second] - times_s[first])
    middle = slopes.size // 2
    if slopes.size % 2:
        return float(np.partition(slopes, middle)[middle])
    low, high = np.partition(slopes, (middle - 1, middle))[middle - 1 : middle + 1].tolist()
    return float((low + high) / 2.0)

"""What happens to the service whatever it does: who comes when, and every chance drawn for them.

A visit carries all randomness of its request, so that the service is a function of visits, plans
and conditions: the same visit meets the same luck under another plan (counterfactuals are exact).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Visits:
    """``n`` requests to be, ascending in ``at_us``; ``k`` is the slate size. Times are whole
    microseconds since the start of the run. ``u_*`` are uniform in [0, 1), ``z_*`` standard normal.

    ``number`` is unique and depends on the arrival alone: adding a crowd renumbers nobody.
    """

    number: NDArray[np.uint64]
    at_us: Integers
    user: Integers
    """Row in the population."""
    router: Integers
    """Which router takes it, 0 up to the number of routers."""
    fatigue: Floats
    """Log-odds of a click lost because this user has lately seen much of the same."""
    z_service: Floats
    """Of the first attempt's own time."""
    z_local: Floats
    """Of the in-process answer's time."""
    z_probe: Floats
    u_replica: Floats
    u_slow: Floats
    """Below a fault's share: this attempt is one of the slow ones."""
    u_error: Floats
    u_null: Floats
    """Below a fault's share: this request's features come back empty."""
    u_jitter: Floats
    """Of a breaker that this request opens."""
    u_sample: Floats
    """Below the input sample share: the served row carries the model's input row."""
    u_click: Floats
    """(n, k)"""
    z_delay: Floats
    """Of the time until the click."""
    u_loss: Floats
    u_double: Floats

    def __len__(self) -> int:
        return len(self.at_us)

    def part(self, start: int, end: int) -> Visits:
        """Rows ``start`` until before ``end``, without copying."""
        return Visits(*(getattr(self, name)[start:end] for name in self.__slots__))

    def between(self, from_us: int, until_us: int) -> Visits:
        """Those that come from ``from_us`` until before ``until_us``, without copying."""
        start, end = np.searchsorted(self.at_us, [from_us, until_us])
        return self.part(int(start), int(end))

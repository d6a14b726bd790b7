"""How visits went: columns, one row per request of a user or probe, under one plan.

The quiet (vectorized) and the stepwise service fill the same columns, and a test compares them.
Telemetry, clicks and reports are made from these and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from controller.core.plan import Plan
from simulator.visits import Integers, Visits

SLOT_US = 50_000
"""Within a slot decisions use the state at its start; completions fold in at its end."""


class Role(IntEnum):
    USER = 0
    PROBE = 1


class Result(IntEnum):
    """Of an attempt, in the words of `serving.routing.verdict`."""

    OK = 0
    LATE = 1
    ERROR = 2
    SKIPPED = 3
    NONE = 4
    """There was no such attempt."""


class Reason(IntEnum):
    NOTHING = 0
    DEADLINE = 1
    CACHE_HIT = 2
    BREAKER_OPEN = 3
    BREAKER_PROBE_OK = 4
    NO_TIME = 5
    FAILED = 6
    """The replica raised, or was dead."""


class Outcome(IntEnum):
    OK = 0
    LATE = 1
    ERROR = 2
    SHED = 3


class Cache(IntEnum):
    HIT = 0
    MISS = 1
    BYPASS = 2


@dataclass(frozen=True, slots=True)
class Handled:
    """``m`` rows: users' requests first in order of ``visits``, then probes in order of time.

    Arms are numbered in the plan's order; -1 is none. ``visit`` is the row in ``visits`` (a probe
    copies that visit). The second attempt, where there is one, is the last resort's.
    """

    plan: Plan
    visits: Visits
    chances: tuple[Mapping[str, float], ...]
    """The distinct propensities; ``chances_id`` picks."""
    versions: tuple[str, ...]
    """Model version of each arm while this plan and these models were held."""
    visit: Integers
    role: NDArray[np.int8]
    request_id: NDArray[np.uint64]
    """(m, 2): high and low half, big-endian when written; the low half is the draw's unit."""
    at_us: Integers
    done_us: Integers
    drawn: NDArray[np.int8]
    chances_id: Integers
    """-1: none (shed before the draw, or a probe)."""
    stamped: NDArray[np.bool_]
    """Counted by the plan's evaluation."""
    result: NDArray[np.int8]
    reason: NDArray[np.int8]
    elapsed_us: Integers
    """Of the first attempt, on arm ``drawn`` (for probes: the arm probed)."""
    second_us: Integers
    """Of the last resort's attempt; -1: none."""
    served_by: NDArray[np.int8]
    outcome: NDArray[np.int8]
    latency_us: Integers
    queue_depth: Integers
    cache: NDArray[np.int8]
    age_us: Integers
    """(m, groups): age of each feature group as served; -1 where the answer used no features."""
    defaulted: NDArray[np.bool_]
    """(m, groups)"""

    def __len__(self) -> int:
        return len(self.visit)

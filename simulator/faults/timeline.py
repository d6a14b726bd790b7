"""Many faults over time as one thing: what the world is like at a second, and when that changes."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.faults.fault import Fault
from simulator.spec import Burst
from simulator.visits import MICROSECONDS
from simulator.world.conditions import Conditions

_HEALTHY = Conditions()


def conditions_at(faults: Sequence[Fault], seconds: float) -> Conditions:
    """All faults that are on at this second of the run, folded in their order.

    Compared in whole microseconds, as `changes_us` gives them.
    """
    now_us = _us(seconds)
    conditions = _HEALTHY
    for fault in faults:
        if _us(fault.at_s) <= now_us < _us(fault.off_s):
            conditions = fault.change_at(conditions, seconds)
    return conditions


def changes_us(faults: Sequence[Fault]) -> tuple[int, ...]:
    """When conditions may change, in microseconds since the start, ascending, each once."""
    return tuple(sorted({_us(at_s) for fault in faults for at_s in fault.turns_s()}))


def bursts_of(faults: Sequence[Fault]) -> tuple[Burst, ...]:
    """Extra visits of all faults, in their order."""
    return tuple(burst for fault in faults for burst in fault.bursts())


def _us(seconds: float) -> int:
    return round(seconds * MICROSECONDS)

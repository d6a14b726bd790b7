"""Admission: whether a request may try an arm at all. Blind to arms; decided before the draw."""

from __future__ import annotations

from dataclasses import dataclass

from serving.routing.draw import uniform

_SHED_SALT = 0x5ED0_5ED0_5ED0_5ED0
"""Another coin than the draw's, or shedding would thin out some arms more than others."""


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """In force now; `adaptive_limit` moves the first one."""

    in_flight: int
    """Requests of one router that may wait for arms at the same time."""
    loop_lag_ms: float
    """An event loop this late serves nobody well; answering from memory costs it least."""


@dataclass(frozen=True, slots=True)
class Load:
    """A router's own load right now."""

    in_flight: int
    loop_lag_ms: float


def shed_reason(
    limits: AdmissionLimits, load: Load, shed_share: float, request_unit: int
) -> str | None:
    """Why to answer from memory at once, or None to admit."""
    if load.in_flight >= limits.in_flight:
        return "in_flight"
    if load.loop_lag_ms > limits.loop_lag_ms:
        return "loop_lag"
    return "plan" if is_shed_by_plan(shed_share, request_unit) else None


def is_shed_by_plan(shed_share: float, request_unit: int) -> bool:
    return shed_share > 0.0 and uniform(request_unit, _SHED_SALT) < shed_share


def has_room_for_probes(limits: AdmissionLimits, load: Load) -> bool:
    """Probes are the first thing to go: at half of either limit."""
    return 2 * load.in_flight < limits.in_flight and 2 * load.loop_lag_ms < limits.loop_lag_ms

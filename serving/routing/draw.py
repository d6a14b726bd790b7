"""The draw: which arm a request belongs to, and with what chance.

It depends on the plan, the segment columns and the unit alone. It must not know of caches,
breakers, features or answers: those come later and never change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.plan import Plan

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Drawn:
    """The arm drawn, every arm's chance at this draw, and the evaluation that may count it."""

    arm: str
    propensities: Mapping[str, float]
    evaluation_id: str


def splitmix64(value: int) -> int:
    """Scramble 64 bits to 64 bits. Source: Steele, Lea, Flood 2014; constants by Vigna."""
    z = (value + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def uniform(unit: int, salt: int) -> float:
    """A number in [0, 1) that only the low 64 bits of the unit and the salt decide."""
    return (splitmix64((unit ^ salt) & _MASK) >> 11) / float(1 << 53)


def propensities(plan: Plan, segments: Mapping[str, str]) -> dict[str, float]:
    """Every arm's chance, in the plan's order of arms; they sum to 1.

    The control share comes off the top; the rest is divided by the first split whose ``where``
    the segment columns equal, else by the arms' own shares.
    """
    shares = {name: arm.share for name, arm in plan.arms.items()}
    for split in plan.splits:
        if all(segments.get(name) == value for name, value in split.where.items()):
            shares = {name: split.shares.get(name, 0.0) for name in plan.arms}
            break
    control = plan.control_share if plan.control_arm in plan.arms else 0.0
    total = sum(shares.values())
    if total <= 0.0:
        control, shares, total = 1.0, dict.fromkeys(shares, 0.0), 1.0
    chances = {name: (1.0 - control) * share / total for name, share in shares.items()}
    if control > 0.0:
        chances[plan.control_arm] = chances.get(plan.control_arm, 0.0) + control
    return chances


def unit_kind(plan: Plan) -> str:
    """``request``, ``user`` or ``session``; an evaluation brings its own."""
    return plan.evaluation.unit if plan.evaluation else plan.unit


def unit_of(plan: Plan, request_id: bytes, user_hash: int, session_hash: int) -> int:
    """What is drawn for: the request, unless the plan says ``user`` or ``session``."""
    kind = unit_kind(plan)
    if kind == "user":
        return user_hash
    if kind == "session":
        return session_hash
    return int.from_bytes(request_id[-8:], "big")


def salt_of(plan: Plan) -> int:
    """An evaluation brings its own salt, so that its split is fresh."""
    return plan.evaluation.salt if plan.evaluation else plan.salt


def draw(plan: Plan, unit: int, segments: Mapping[str, str], *, both_closed: bool = True) -> Drawn:
    """Draw an arm. ``both_closed``: the breakers of the evaluation's two arms let users through.

    The control share takes the lowest part of the unit interval, the arms follow in the plan's
    order. Only the stamp depends on ``both_closed``, never the arm.
    """
    chances = propensities(plan, segments)
    point = uniform(unit, salt_of(plan))
    evaluation = plan.evaluation
    stamp = evaluation.id if evaluation and evaluation.stamping and both_closed else ""
    control = plan.control_share if plan.control_arm in plan.arms else 0.0
    if point < control:
        return Drawn(plan.control_arm, chances, stamp)
    edge = control
    chosen = plan.control_arm
    for name, chance in chances.items():
        own = chance - (control if name == plan.control_arm else 0.0)
        if own <= 0.0:
            continue
        chosen = name
        edge += own
        if point < edge:
            break
    return Drawn(chosen, chances, stamp)

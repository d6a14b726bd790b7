"""Conditions with one arm in another state; the rest stays as it was."""

from __future__ import annotations

from dataclasses import replace

from simulator.world.conditions import ArmConditions, Conditions


def with_arm(conditions: Conditions, arm: str, state: ArmConditions) -> Conditions:
    """``state`` is made from what ``conditions.of(arm)`` gives, so that faults add up."""
    return replace(conditions, arms={**conditions.arms, arm: state})

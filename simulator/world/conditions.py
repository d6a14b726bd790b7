"""What is wrong with the world right now: data that faults write and the service suffers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Where = tuple[tuple[str, str], ...]
"""Segment columns and the value each must have; empty: everybody."""


@dataclass(frozen=True, slots=True)
class ArmConditions:
    """Of one arm's replicas and model."""

    delay_ms: float = 0.0
    """Added to this share of the attempts."""
    delay_share: float = 1.0
    delay_where: Where = ()
    error_share: float = 0.0
    error_where: Where = ()
    dead_replicas: int = 0
    """They come back, cold, when this falls."""
    slow_replicas: int = 0
    slow_by_ms: float = 0.0
    """Added to the attempts on so many of the replicas that live, the lowest numbers."""
    work_factor: float = 1.0
    """Multiplies what every attempt costs its replica's processor."""
    click_factor: float = 1.0
    """Multiplies the chance of every click on this arm's slates."""
    click_where: Where = ()
    margin_factor: float = 1.0
    """Multiplies the lead of its best item's score over the second's."""


@dataclass(frozen=True, slots=True)
class InputShift:
    """The model's inputs move by ``size_sd`` of their reference spread: at once, or by a ramp."""

    since_s: float
    """Seconds since the start of the run."""
    ramp_s: float = 0.0
    size_sd: float = 1.0
    where: Where = ()

    def at(self, seconds: float) -> float:
        """How many standard deviations the inputs are off at this time."""
        if seconds < self.since_s:
            return 0.0
        if self.ramp_s <= 0.0:
            return self.size_sd
        return self.size_sd * min(1.0, (seconds - self.since_s) / self.ramp_s)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Healthy by default. Constant between two changes of any fault (shifts move by themselves)."""

    arms: Mapping[str, ArmConditions] = field(default_factory=dict)
    cache_is_gone: bool = False
    """Nothing is found in the response cache and nothing is kept."""
    frozen_groups: frozenset[str] = frozenset()
    """Feature groups that the pipeline stopped writing."""
    null_share: Mapping[str, float] = field(default_factory=dict)
    """By feature group: requests whose features of it come back empty, so defaults are used."""
    shifts: tuple[InputShift, ...] = ()
    clicks_are_lost: bool = False
    """The click log takes nothing."""
    telemetry_lag_s: float = 0.0
    telemetry_loss_share: float = 0.0
    """Of whole batches."""
    store_is_down: bool = False
    bus_is_down: bool = False
    controller_is_down: bool = False

    def of(self, arm: str) -> ArmConditions:
        return self.arms.get(arm, _HEALTHY)


_HEALTHY = ArmConditions()

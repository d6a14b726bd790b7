"""What a simulated service and its users are like: plain data, in the units of its names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

MONDAY_S = 1_767_571_200.0
"""2026-01-05 00:00 UTC, a Monday: where a simulated week begins."""


@dataclass(frozen=True, slots=True)
class ArmModel:
    """How one arm answers.

    An attempt takes its wait in the queue, then a lognormal time around ``latency_ms``. The arm
    works off ``replicas`` x real time; a slot's requests are taken in batches of up to
    ``batch_size``, each costing ``batch_ms`` plus ``item_ms`` per request. ``quality`` is how well
    its slates match what users would click, from 0 (chance) to 1 (all it could know).
    """

    latency_ms: float = 20.0
    spread: float = 0.3
    """Sigma of the log."""
    replicas: int = 2
    batch_size: int = 8
    batch_ms: float = 2.0
    item_ms: float = 3.0
    cold_ms: float = 60.0
    """Added to attempts on a replica in its first ``cold_s`` seconds."""
    cold_s: float = 5.0
    quality: float = 0.8
    personal: bool = True
    """False: everybody gets the most popular items, whatever the features say."""

    def dearer(self, factor: float) -> ArmModel:
        """The same, of which every answer costs the processor ``factor`` times as much."""
        return replace(self, batch_ms=self.batch_ms * factor, item_ms=self.item_ms * factor)


@dataclass(frozen=True, slots=True)
class Burst:
    """Extra visits, by a stream of their own: ``factor`` times the mean rate on top, at its peak,
    reached after ``rise_s`` and left in ``fall_s``."""

    at_s: float
    for_s: float
    factor: float
    rise_s: float = 5.0
    fall_s: float = 30.0
    name: str = "burst"


@dataclass(frozen=True, slots=True)
class Traffic:
    """A Cox process. ``day_ratio`` and ``week_ratio`` are peak over trough; 1 is flat.

    ``burstiness`` is the coefficient of variation of a gamma AR(1) factor with correlation
    ``memory`` between minutes; 0 leaves a plain Poisson process.
    """

    rate_per_s: float = 50.0
    day_ratio: float = 1.0
    week_ratio: float = 1.0
    burstiness: float = 0.0
    memory: float = 0.5
    shots_per_day: float = 0.0
    """Unannounced small crowds, 2 to 4 times the mean rate for some minutes."""
    bursts: tuple[Burst, ...] = ()


@dataclass(frozen=True, slots=True)
class Users:
    """``ratings``: build users and items from this file instead of generating them."""

    users: int = 1_000
    items: int = 1_000
    ratings: Path | None = None
    popularity_exponent: float = 0.46
    activity_pareto: float = 1.3
    churn_per_day: float = 0.02
    """Share of items replaced by new ones each day, evenly spread."""
    fatigue: float = 0.1
    """Log-odds lost per slate seen in the last minutes."""
    click_model: Literal["position", "cascade"] = "position"
    rank_exponent: float = 0.7
    ctr: float = 0.05
    """Share of healthy slates with a click; the click model's intercept is set to give it."""
    delay_s: float = 4.0
    """Median time from the slate to the click (lognormal)."""
    delay_spread: float = 0.8
    loss_share: float = 0.01
    double_share: float = 0.01
    """Clicks told twice, under one event id."""


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """Everything but the plan and the faults. Arms, feature groups and segments come from the
    service's settings; an arm without a model here has the default one."""

    start_s: float = MONDAY_S
    """Seconds since 1970."""
    traffic: Traffic = Traffic()
    users: Users = Users()
    arms: Mapping[str, ArmModel] = field(default_factory=dict)
    local_ms: float = 1.0
    """Median time of an answer from the router's own memory."""
    routers: int = 1
    feature_every_s: float = 5.0
    """How often the pipeline writes each feature group."""
    train_s: float = 120.0
    """From a wanted retrain to its candidate."""
    adopt_ms: float = 5.0
    """From the store taking a plan to routers obeying it (then at the next slot)."""
    detect_dead_s: float = 1.0
    """Requests to a dead replica fail until this has passed."""
    inputs: int = 8
    """Features in the model's input row."""

    def arm(self, name: str) -> ArmModel:
        return self.arms.get(name, _DEFAULT_ARM)


_DEFAULT_ARM = ArmModel()

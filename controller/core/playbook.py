"""What a playbook means. This model has never heard of YAML; `controller/language` reads text.

Times are seconds, shares 0 to 1, latencies in the unit of their signal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from controller.core.readings import Labels


class NoData(StrEnum):
    """What an unknown condition does: nothing, count as met, or page a person once."""

    HOLD = "hold"
    ACT = "act"
    ESCALATE = "escalate"


class Autonomy(StrEnum):
    """How far a playbook may go by itself."""

    SHADOW = "shadow"
    SUGGEST = "suggest"
    APPROVE = "approve"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a condition compares: a signal of the catalogue, or a function of signals.

    Functions are part of the name and are ordinary readings to the judge:
    ``anomaly(arm_latency_ms.p95)``, ``change(ctr)``, ``lift(ctr,primary,fallback).upper``.
    A label value may be a ``$variable`` until ``for_each`` binds it. ``window_s`` None means the
    signal's default window.
    """

    signal: str
    labels: Labels = ()
    window_s: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A leaf. ``anomaly(x) rarer than 1 per 30d`` reads as ``anomaly(x) < 1/2592000``.

    ``for_s`` = true at every tick of a span of at least that long (2 s = 3 ticks at 1 s).
    ``for_ticks`` = true at so many ticks in a row. ``times``, ``times_within_s`` = it became true
    for that time, counted over the last so many seconds, both ends included, and still is. At most
    one of the three is asked for; 0 is not asked. ``no_data`` overrides the playbook's policy.
    ``text`` is what the author wrote.
    """

    quantity: Quantity
    op: Literal["<", "<=", ">", ">="]
    threshold: float
    unit: str
    for_s: float
    text: str
    no_data: NoData | None = None
    for_ticks: int = 0
    times: int = 0
    times_within_s: float = 0.0


@dataclass(frozen=True, slots=True)
class All:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


Condition = Comparison | All | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Route:
    """Cap ``source`` at (1 - share) of its baseline; ``target`` receives the rest."""

    source: str
    target: str
    share: float
    returns: tuple[float, ...] = (0.10, 0.50, 1.0)
    every_s: float = 30.0
    where: Mapping[str, str] = field(default_factory=dict)
    expires_s: float | None = None


@dataclass(frozen=True, slots=True)
class Retrain:
    """Wants a candidate trained from the last ``data_s`` of joined interactions."""

    arm: str
    data_s: float
    then: Literal["evaluate", "nothing"] = "nothing"


@dataclass(frozen=True, slots=True)
class Evaluate:
    arm: str
    candidate: str | None = None


@dataclass(frozen=True, slots=True)
class Promote:
    """``version`` into arm ``into``, or swap the baseline share to ``arm``."""

    version: str | None = None
    into: str | None = None
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class Revert:
    arm: str


@dataclass(frozen=True, slots=True)
class PrewarmCache:
    arm: str


@dataclass(frozen=True, slots=True)
class CacheTtl:
    ttl_s: float


@dataclass(frozen=True, slots=True)
class Scale:
    arm: str
    replicas: int


@dataclass(frozen=True, slots=True)
class Shed:
    share: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stop acting on ``what``: ``all``, ``promotions``, or a playbook's name.

    ``until_s`` counts from acting; None: until the incident ends.
    """

    what: str
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    channel: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    body: Mapping[str, str] = field(default_factory=dict)


Action = (
    Route
    | Retrain
    | Evaluate
    | Promote
    | Revert
    | PrewarmCache
    | CacheTtl
    | Scale
    | Shed
    | Freeze
    | Notify
    | Webhook
)


@dataclass(frozen=True, slots=True)
class Move:
    """One action of a rung, with what it is expected to do and what follows if it does not."""

    action: Action
    expect: Condition | None = None
    within_s: float = 0.0
    otherwise: Literal["next", "undo", "keep"] = "keep"


@dataclass(frozen=True, slots=True)
class Guards:
    autonomy: Autonomy = Autonomy.AUTO
    cooldown_s: float = 600.0
    budget_count: int = 3
    budget_per_s: float = 3600.0
    excludes: tuple[str, ...] = ()
    priority: int = 50


@dataclass(frozen=True, slots=True)
class Playbook:
    """One checked playbook. ``sha256`` is of ``text``, and both go where an incident goes."""

    name: str
    owner: str
    why: str
    when: Condition
    no_data: NoData
    rungs: tuple[tuple[Move, ...], ...]
    clear_when: Condition
    guards: Guards
    text: str
    sha256: str
    for_each: str | None = None
    """A label name; one incident per value the running settings know for it."""

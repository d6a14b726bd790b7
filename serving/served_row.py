"""What one row of `served` telemetry tells: who asked, how it went, and under which plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.core.plan import Plan
from serving.arm_call import ArmAnswer
from serving.routing.verdict import AttemptResult, Outcome


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one arm for one request."""

    arm: str
    version: str
    elapsed_ms: float
    result: AttemptResult
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for what; the ids are keyed hashes."""

    request_id: bytes
    at_s: float
    user_hash: int
    session_hash: int | None
    segments: Mapping[str, str]
    k: int
    bot: bool = False
    product_feature_id: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """How it went. ``arm`` is None for a request that was never drawn."""

    role: str
    arm: str | None
    propensities: Mapping[str, float]
    evaluation_id: str
    unit: int
    attempts: Sequence[Attempt]
    answer: ArmAnswer | None
    served_by: str | None
    outcome: Outcome
    latency_ms: float
    queue_depth: int
    cache: str


ServedRow = tuple[Asked, Served, Plan]
"""What one row of `served` telemetry is made of, once it is sent (see `served_batch`)."""

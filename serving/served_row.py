"""One row of `served` telemetry: plain values under the schema's column names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.core.plan import Plan
from controller.telemetry.schema import SEGMENT_PREFIX
from serving.arm_call import ArmAnswer
from serving.routing.verdict import AttemptResult, Outcome

CODE_VERSION = "0.1.0"
FEATURE_SET_VERSION = "1"


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


def served_row(asked: Asked, served: Served, plan: Plan) -> dict[str, Any]:
    """A row for `controller.telemetry`; segment columns are ``segment.NAME``."""
    answer = served.answer
    row: dict[str, Any] = {
        "request_id": asked.request_id,
        "at_s": asked.at_s,
        "done_at_s": asked.at_s + served.latency_ms / 1000.0,
        "role": served.role,
        "unit_id": served.unit,
        "session_id": asked.session_hash,
        "bot": asked.bot,
        "evaluation_id": served.evaluation_id,
        "arm": served.arm,
        "propensities": [{"arm": a, "chance": c} for a, c in served.propensities.items()],
        "plan_epoch": plan.epoch,
        "plan_revision": plan.revision,
        "attempts": [
            {
                "arm": attempt.arm,
                "model_version": attempt.version,
                "elapsed_ms": attempt.elapsed_ms,
                "result": attempt.result,
                "reason": attempt.reason,
            }
            for attempt in served.attempts
        ],
        "served_by": served.served_by,
        "outcome": served.outcome,
        "latency_ms": served.latency_ms,
        "queue_depth": served.queue_depth,
        "cache": served.cache,
        "product_feature_id": asked.product_feature_id,
        "code_version": CODE_VERSION,
        "feature_set_version": FEATURE_SET_VERSION,
        "user_id": asked.user_hash,
    }
    row.update({SEGMENT_PREFIX + name: value for name, value in asked.segments.items()})
    if answer is not None:
        row.update(_of_answer(answer))
    return row


def _of_answer(answer: ArmAnswer) -> dict[str, Any]:
    top, margin, entropy = slate_shape(answer.scores)
    return {
        "feature_ages": [{"group": g, "age_s": age} for g, age in answer.ages_s.items()],
        "defaulted": list(answer.defaulted),
        "top_score": top,
        "margin": margin,
        "entropy": entropy,
        "slate": [
            {"item_id": item, "position": position, "propensity": 1.0, "team": None}
            for position, item in enumerate(answer.item_ids)
        ],
        "cpu_ms": answer.cpu_ms,
        "inputs": _named(answer.inputs),
        "not_found": list(answer.not_found),
        "contributions": _named(answer.contributions) if answer.inputs else None,
        "slate_diversity": answer.diversity,
    }


def _named(values: Mapping[str, float]) -> list[dict[str, Any]] | None:
    return [{"feature": name, "value": value} for name, value in values.items()] or None


def slate_shape(scores: Sequence[float]) -> tuple[float, float, float]:
    """Top score, its lead over the next, and the entropy in nats of the scores' softmax."""
    if not scores:
        return 0.0, 0.0, 0.0
    top = scores[0]
    weights = [math.exp(score - max(scores)) for score in scores]
    total = sum(weights)
    entropy = -sum(w / total * math.log(w / total) for w in weights if w > 0.0)
    return top, top - scores[1] if len(scores) > 1 else 0.0, entropy

"""The plan: the whole desired state of one service, as routers and workers read it.

Published as one canonical JSON value; routers refuse anything older than what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PLAN_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """One routable recommender. Shares of all arms sum to 1 (before the control share)."""

    version: str
    share: float
    deadline_ms: float = 100.0
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Shares for requests whose segment columns equal ``where``; the first match wins."""

    where: Mapping[str, str]
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """A running comparison. The router stamps its id before the draw while ``stamping``."""

    id: str
    arms: tuple[str, str]
    unit: str
    salt: int
    stamping: bool


@dataclass(frozen=True, slots=True)
class Work:
    """Work that is wanted until it is done or expires; workers are idempotent by ``id``."""

    id: str
    kind: str
    arguments: Mapping[str, Any]
    owner: str
    playbook: str
    decided_at_s: float
    expires_at_s: float
    then: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The folded plan. ``owners`` names who owns each field: ``baseline`` or a claim's owner."""

    service: str
    epoch: int
    revision: int
    head: str
    """Hash of the last record of the commit that published this plan (the shell fills it)."""
    at_s: float
    arms: Mapping[str, ArmPlan]
    control_share: float = 0.02
    control_arm: str = "fallback"
    splits: tuple[Split, ...] = ()
    probe_per_s: Mapping[str, float] = field(default_factory=dict)
    """Probes per second for the whole service, by arm."""
    request_deadline_ms: float = 200.0
    unit: str = "request"
    salt: int = 0
    evaluation: EvaluationPlan | None = None
    cache_ttl_s: float = 30.0
    shed_share: float = 0.0
    frozen: tuple[str, ...] = ()
    wanted: tuple[Work, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)


def plan_to_document(plan: Plan) -> dict[str, Any]:
    """Plain JSON types; the inverse is ``plan_from_document``."""
    return {
        "format": PLAN_FORMAT,
        "service": plan.service,
        "epoch": plan.epoch,
        "revision": plan.revision,
        "head": plan.head,
        "at_s": plan.at_s,
        "arms": {
            name: {
                "version": arm.version,
                "share": arm.share,
                "deadline_ms": arm.deadline_ms,
                "replicas": arm.replicas,
            }
            for name, arm in plan.arms.items()
        },
        "control_share": plan.control_share,
        "control_arm": plan.control_arm,
        "splits": [{"where": dict(s.where), "shares": dict(s.shares)} for s in plan.splits],
        "probe_per_s": dict(plan.probe_per_s),
        "request_deadline_ms": plan.request_deadline_ms,
        "unit": plan.unit,
        "salt": plan.salt,
        "evaluation": None
        if plan.evaluation is None
        else {
            "id": plan.evaluation.id,
            "arms": list(plan.evaluation.arms),
            "unit": plan.evaluation.unit,
            "salt": plan.evaluation.salt,
            "stamping": plan.evaluation.stamping,
        },
        "cache_ttl_s": plan.cache_ttl_s,
        "shed_share": plan.shed_share,
        "frozen": list(plan.frozen),
        "wanted": [work_to_document(work) for work in plan.wanted],
        "owners": dict(plan.owners),
    }


def work_to_document(work: Work) -> dict[str, Any]:
    """Plain JSON types of one wanted work item."""
    return {
        "id": work.id,
        "kind": work.kind,
        "arguments": dict(work.arguments),
        "owner": work.owner,
        "playbook": work.playbook,
        "decided_at_s": work.decided_at_s,
        "expires_at_s": work.expires_at_s,
        "then": work.then,
    }


def plan_from_document(document: Mapping[str, Any]) -> Plan:
    """Read a published plan. Unknown keys are ignored, so a router may be one release older.

    Raise KeyError or ValueError on a document that is not a plan of a known format.
    """
    if document.get("format") != PLAN_FORMAT:
        raise ValueError(f"plan format {document.get('format')!r} is not {PLAN_FORMAT}")
    evaluation = document["evaluation"]
    return Plan(
        service=document["service"],
        epoch=document["epoch"],
        revision=document["revision"],
        head=document["head"],
        at_s=document["at_s"],
        arms={
            name: ArmPlan(a["version"], a["share"], a["deadline_ms"], a["replicas"])
            for name, a in document["arms"].items()
        },
        control_share=document["control_share"],
        control_arm=document["control_arm"],
        splits=tuple(Split(s["where"], s["shares"]) for s in document["splits"]),
        probe_per_s=document["probe_per_s"],
        request_deadline_ms=document["request_deadline_ms"],
        unit=document["unit"],
        salt=document["salt"],
        evaluation=None
        if evaluation is None
        else EvaluationPlan(
            evaluation["id"],
            (evaluation["arms"][0], evaluation["arms"][1]),
            evaluation["unit"],
            evaluation["salt"],
            evaluation["stamping"],
        ),
        cache_ttl_s=document["cache_ttl_s"],
        shed_share=document["shed_share"],
        frozen=tuple(document["frozen"]),
        wanted=tuple(work_from_document(work) for work in document["wanted"]),
        owners=document["owners"],
    )


def work_from_document(document: Mapping[str, Any]) -> Work:
    """The inverse of ``work_to_document``."""
    return Work(
        id=document["id"],
        kind=document["kind"],
        arguments=document["arguments"],
        owner=document["owner"],
        playbook=document["playbook"],
        decided_at_s=document["decided_at_s"],
        expires_at_s=document["expires_at_s"],
        then=document["then"],
    )

"""One line of the decision log: what was seen, matched, refused, chosen and expected.

Core makes unsealed records; the shell seals them with ``prev_hash`` and ``hash``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SeenCondition:
    """One comparison as it stood when the record was made.

    ``met`` is ``met``, ``not met`` or ``unknown``. ``margin`` is the signed distance to the
    threshold in the condition's unit, positive when met.
    """

    text: str
    met: str
    value: float | None
    threshold: float
    margin: float | None
    sample_size: int
    state: str
    held_s: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A guard's reason not to act now."""

    guard: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Loser:
    """A playbook that wanted the same and did not get it."""

    playbook: str
    why: str


@dataclass(frozen=True, slots=True)
class Record:
    """``id`` is ``{epoch}-{revision}-{n}``. ``phase`` is an incident phase or a verb such as
    ``elected``, ``blocked``, ``explained``, ``operator``, ``work``. ``sentence`` is for people and
    complete."""

    id: str
    at_s: float
    epoch: int
    revision: int
    service: str
    phase: str
    sentence: str
    incident: str | None = None
    playbook: str | None = None
    playbook_sha256: str | None = None
    conditions: tuple[SeenCondition, ...] = ()
    guards: tuple[Refusal, ...] = ()
    losers: tuple[Loser, ...] = ()
    claims_before: tuple[Mapping[str, Any], ...] = ()
    claims_after: tuple[Mapping[str, Any], ...] = ()
    expected: str | None = None
    autonomy: str = "auto"
    enforced: bool = True
    command_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def record_to_document(record: Record) -> dict[str, Any]:
    """Plain JSON types, without the seal."""
    return {
        "id": record.id,
        "at_s": record.at_s,
        "epoch": record.epoch,
        "revision": record.revision,
        "service": record.service,
        "phase": record.phase,
        "sentence": record.sentence,
        "incident": record.incident,
        "playbook": record.playbook,
        "playbook_sha256": record.playbook_sha256,
        "conditions": [
            {
                "text": seen.text,
                "met": seen.met,
                "value": seen.value,
                "threshold": seen.threshold,
                "margin": seen.margin,
                "sample_size": seen.sample_size,
                "state": seen.state,
                "held_s": seen.held_s,
                "sentence": seen.sentence,
            }
            for seen in record.conditions
        ],
        "guards": [{"guard": g.guard, "sentence": g.sentence} for g in record.guards],
        "losers": [{"playbook": loser.playbook, "why": loser.why} for loser in record.losers],
        "claims_before": [dict(claim) for claim in record.claims_before],
        "claims_after": [dict(claim) for claim in record.claims_after],
        "expected": record.expected,
        "autonomy": record.autonomy,
        "enforced": record.enforced,
        "command_id": record.command_id,
        "details": dict(record.details),
    }

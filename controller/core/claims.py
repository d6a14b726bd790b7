"""A claim: what one open incident, or a person, wants changed in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from controller.core.documents import encode


@dataclass(frozen=True, slots=True)
class Claim:
    """One wanted change. ``owner`` is an incident id or an override's id.

    ``route``: ``source`` is capped at (1 - ``share``) of its baseline and ``target`` receives the
    rest, for requests that match ``where``. ``shares`` (people only): the shares of all arms.
    ``shed``, ``cache_ttl``: ``number`` is the share or the seconds. ``scale``: ``number`` replicas
    of ``source``. ``freeze``: acting on ``source`` stops until ``until_s``.

    ``returned`` is how much of a route's drained traffic is back (0 to 1), ``granted`` how much of
    its ``share`` may be moved so far: less than 1 while the target's head-room is unknown.
    ``move`` is the place of the move in its rung, so that one move can be undone alone.
    """

    owner: str
    kind: Literal["route", "shares", "shed", "cache_ttl", "scale", "freeze"]
    priority: int
    since_s: float
    source: str = ""
    target: str = ""
    share: float = 0.0
    number: float = 0.0
    until_s: float | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    returns: tuple[float, ...] = ()
    every_s: float = 0.0
    returned: float = 0.0
    granted: float = 1.0
    rung: int = 0
    move: int = 0
    by_person: bool = False


def drained_share(claim: Claim) -> float:
    """The share of its arm's baseline that a route holds back now."""
    return claim.share * claim.granted * (1.0 - claim.returned)


def drains_same_arm(one: Claim, other: Claim) -> bool:
    """Whether two routes hold the same traffic back from the same arm."""
    return (
        one.kind == other.kind == "route"
        and one.source == other.source
        and dict(one.where) == dict(other.where)
    )


def precedence(claim: Claim) -> tuple[bool, int, float, str]:
    """Sorts the winner first: people, then the higher priority, then the older."""
    return (not claim.by_person, -claim.priority, claim.since_s, claim.owner)


def claim_to_document(claim: Claim) -> dict[str, Any]:
    """For records: only what the claim's kind uses."""
    document: dict[str, Any] = encode(Claim, claim)
    return {
        key: value
        for key, value in document.items()
        if key in ("owner", "kind", "priority", "since_s")
        or (key not in ("rung", "move", "returns", "every_s", "granted") and value)
        or (key == "granted" and value < 1.0)
    }

"""How far a rung may reach: traffic moved at once, healthy arms left, one region at a time.

A route `where` a segment counts as the whole of its arm's traffic: how large a segment is, the
judge does not know, and the larger guess is the safer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.core.actions import routes_of
from controller.core.claims import Claim, drained_share
from controller.core.draft import Draft, active_claims
from controller.core.plan_fold import HOLDBACK, routed_shares
from controller.core.playbook import Move
from controller.core.refusal import Refused
from controller.core.wording import percent

DRAINED = 0.5
"""An arm that lost at least this much of its traffic is not called healthy."""
_ROUNDING = 1e-9


def beyond_reach(draft: Draft, moves: Sequence[Move]) -> tuple[Refused, ...]:
    """Why these moves reach too far; nothing for moves that route no traffic."""
    wanted = routes_of((move.action for move in moves), draft.at_s)
    if not wanted:
        return ()
    held = [claim for claim in active_claims(draft.state) if claim.kind == "route"]
    found = (
        *_into_a_drained_arm(held, wanted),
        _too_much_moved(draft, held, wanted),
        _too_few_healthy(draft, held, wanted),
        *_another_region(draft, held, wanted),
    )
    return tuple(each for each in found if each is not None)


def _into_a_drained_arm(held: Sequence[Claim], wanted: Sequence[Claim]) -> list[Refused]:
    found = []
    for claim in wanted:
        because = next((h for h in held if h.source == claim.target and _loses(h)), None)
        if because is not None:
            sentence = f"{because.owner} drains {claim.target}, which this would move traffic to"
            found.append(
                Refused("target", f"target {because.owner}", sentence, needs_a_person=True)
            )
    return found


def _too_much_moved(draft: Draft, held: Sequence[Claim], wanted: Sequence[Claim]) -> Refused | None:
    limit = draft.settings.limits.most_moved_share
    before = _moved(draft, held)
    after = _moved(draft, [*held, *wanted])
    if after <= max(limit, before) + _ROUNDING:
        return None
    sentence = (
        f"{percent(after)} of the traffic would be away from its baseline, "
        f"and at most {percent(limit)} may be"
    )
    return Refused("moved share", "moved share", sentence, needs_a_person=True)


def _moved(draft: Draft, routes: Sequence[Claim]) -> float:
    """Share of all traffic that routes keep away from where the baseline sends it."""
    base = {name: arm.share for name, arm in draft.baseline.arms.items()}
    shares, _ = routed_shares(base, list(routes), draft.baseline.control_arm)
    return sum(max(0.0, base[name] - shares[name]) for name in base)


def _too_few_healthy(
    draft: Draft, held: Sequence[Claim], wanted: Sequence[Claim]
) -> Refused | None:
    limit = draft.settings.limits.fewest_healthy_arms
    before = _healthy(draft, held)
    after = _healthy(draft, [*held, *wanted])
    if len(after) >= min(limit, len(before)):
        return None
    left = ", ".join(sorted(after)) or "none"
    sentence = f"it would leave too few healthy arms ({left}; at least {limit} must stay)"
    return Refused("healthy arms", f"healthy arms {left}", sentence, needs_a_person=True)


def _healthy(draft: Draft, routes: Sequence[Claim]) -> frozenset[str]:
    drained = {claim.source for claim in routes if _drains(claim)}
    return frozenset(draft.baseline.arms) - drained - {HOLDBACK}


def _drains(claim: Claim) -> bool:
    return _loses(claim) and drained_share(claim) >= DRAINED


def _loses(claim: Claim) -> bool:
    """Whether its arm is given less than its baseline, for everybody."""
    return not claim.where and drained_share(claim) > 0.0


def _another_region(draft: Draft, held: Sequence[Claim], wanted: Sequence[Claim]) -> list[Refused]:
    segment = draft.settings.limits.region_segment
    found = []
    for claim in wanted:
        region = _region(claim.where, segment)
        other = next(
            (h for h in held if region and _region(h.where, segment) not in ("", region)), None
        )
        if other is not None:
            sentence = (
                f"{other.owner} moves traffic of {segment} {_region(other.where, segment)}, "
                f"and only one {segment} at a time may be moved"
            )
            found.append(
                Refused("one region", f"one region {other.owner}", sentence, needs_a_person=True)
            )
    return found


def _region(where: Mapping[str, str], segment: str) -> str:
    return where.get(segment, "")

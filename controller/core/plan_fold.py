"""The plan is a fold of the baseline and the claims. Overlapping claims never erase each other.

`route` caps its source at (1 - share) of what the baseline gives it; the lowest cap wins and its
owner's target receives the rest; a target that is capped, or no arm any more, passes it on to the
fallback. Other fields: the highest priority, then the older; people win. Every field names its
owner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.core.claims import Claim, drained_share, precedence
from controller.core.plan import ArmPlan, Plan, Split, Work
from controller.core.settings import JudgeSettings
from controller.core.state import Baseline

BASELINE = "baseline"
HOLDBACK = "holdback"
SPLITS_LIMIT = 16
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a plan says of itself beside its fields."""

    service: str
    epoch: int
    revision: int
    at_s: float


def fold(
    baseline: Baseline,
    claims: Sequence[Claim],
    wanted: tuple[Work, ...],
    frozen: tuple[str, ...],
    settings: JudgeSettings,
    stamp: Stamp,
) -> Plan:
    """Pure and independent of the order of ``claims``. Claims on unknown arms change nothing;
    what would go to one goes to the fallback."""
    ordered = sorted(claims, key=precedence)
    owners: dict[str, str] = {}
    shares = _shares(baseline, ordered, owners)
    routed = {c.source for c in ordered if c.kind == "route" and c.share > 0.0}
    cache_ttl_s, owners["cache_ttl_s"] = _first(ordered, "cache_ttl", baseline.cache_ttl_s)
    shed_share, owners["shed_share"] = _first(ordered, "shed", 0.0)
    owners["control_share"] = owners["request_deadline_ms"] = BASELINE
    splits = _splits(baseline, ordered)
    if splits:
        owners["splits"] = ",".join(_split_owners(ordered))
    return Plan(
        service=stamp.service,
        epoch=stamp.epoch,
        revision=stamp.revision,
        head="",
        at_s=stamp.at_s,
        arms=_arms(baseline, shares, ordered, owners),
        control_share=baseline.control_share,
        control_arm=baseline.control_arm,
        splits=splits,
        probe_per_s=_probes(baseline, shares, routed, settings.probe_per_s),
        request_deadline_ms=baseline.request_deadline_ms,
        cache_ttl_s=cache_ttl_s,
        shed_share=shed_share,
        frozen=frozen,
        wanted=wanted,
        owners=owners,
    )


def routed_shares(
    base: Mapping[str, float], routes: Sequence[Claim], fallback: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Shares after the routes, and who changed which arm's. The sum stays what it was."""
    winners = {
        source: claim
        for source in base
        if (claim := _lowest_cap([c for c in routes if c.source == source]))
    }
    shares = dict(base)
    owners = {source: claim.owner for source, claim in winners.items()}
    for source, claim in winners.items():
        moved = base[source] * drained_share(claim)
        takes = claim.target in base and claim.target not in winners
        target = claim.target if takes else fallback
        shares[source] -= moved
        shares[target] += moved
        owners.setdefault(target, claim.owner)
    return shares, owners


def _lowest_cap(routes: Sequence[Claim]) -> Claim | None:
    """``routes`` come in precedence, which decides between equal caps."""
    draining = [c for c in routes if drained_share(c) > 0.0 and c.source != c.target]
    return max(draining, key=drained_share, default=None)


def _shares(
    baseline: Baseline, claims: Sequence[Claim], owners: dict[str, str]
) -> dict[str, float]:
    base = {name: arm.share for name, arm in baseline.arms.items()}
    override = _override(claims)
    if override is not None:
        shares = {name: override.shares.get(name, 0.0) for name in base}
        owners.update({f"arms.{name}.share": override.owner for name in base})
        return normalized(shares)
    routes = [c for c in claims if c.kind == "route" and not c.where]
    shares, changed_by = routed_shares(base, routes, baseline.control_arm)
    owners.update({f"arms.{name}.share": changed_by.get(name, BASELINE) for name in base})
    return normalized(shares)


def _override(claims: Sequence[Claim]) -> Claim | None:
    """The newest override of a person: the last word wins among people."""
    overrides = [c for c in claims if c.kind == "shares"]
    return max(overrides, key=lambda c: (c.since_s, c.owner), default=None)


def normalized(shares: Mapping[str, float]) -> dict[str, float]:
    """Rounded, never negative, and summing to 1: the largest takes what rounding left over."""
    rounded = {name: max(0.0, round(share, DECIMALS)) for name, share in shares.items()}
    largest = max(rounded, key=lambda name: (rounded[name], name))
    rest = sum(share for name, share in rounded.items() if name != largest)
    rounded[largest] = round(1.0 - rest, DECIMALS)
    return rounded


def _splits(baseline: Baseline, claims: Sequence[Claim]) -> tuple[Split, ...]:
    """One split per segment that a claim names, and per overlap of them, the narrowest first."""
    if _override(claims) is not None:
        return ()
    base = {name: arm.share for name, arm in baseline.arms.items()}
    routes = [c for c in claims if c.kind == "route" and drained_share(c) > 0.0]
    splits = []
    for where in _segments([dict(c.where) for c in routes if c.where]):
        inside = [c for c in routes if c.where.items() <= where.items()]
        shares, _ = routed_shares(base, inside, baseline.control_arm)
        splits.append(Split(where, normalized(shares)))
    return tuple(splits)


def _segments(wheres: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for where in wheres:
        overlaps = [{**other, **where} for other in found if _compatible(other, where)]
        for each in (where, *overlaps):
            if each not in found:
                found.append(each)
    found.sort(key=lambda each: (-len(each), sorted(each.items())))
    return [dict(sorted(each.items())) for each in found[:SPLITS_LIMIT]]


def _compatible(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(other.get(key, value) == value for key, value in one.items())


def _split_owners(claims: Sequence[Claim]) -> list[str]:
    return sorted({c.owner for c in claims if c.kind == "route" and c.where})


def _first(claims: Sequence[Claim], kind: str, otherwise: float) -> tuple[float, str]:
    for claim in claims:
        if claim.kind == kind:
            return claim.number, claim.owner
    return otherwise, BASELINE


def _arms(
    baseline: Baseline,
    shares: Mapping[str, float],
    claims: Sequence[Claim],
    owners: dict[str, str],
) -> dict[str, ArmPlan]:
    arms = {}
    for name, arm in baseline.arms.items():
        scaled = next((c for c in claims if c.kind == "scale" and c.source == name), None)
        replicas = arm.replicas if scaled is None else int(scaled.number)
        owners[f"arms.{name}.version"] = (
            BASELINE if arm.version_owner == "settings" else arm.version_owner
        )
        owners[f"arms.{name}.deadline_ms"] = BASELINE
        owners[f"arms.{name}.replicas"] = BASELINE if scaled is None else scaled.owner
        arms[name] = ArmPlan(arm.version, shares[name], arm.deadline_ms, replicas)
    return arms


def _probes(
    baseline: Baseline, shares: Mapping[str, float], routed: set[str], probe_per_s: float
) -> dict[str, float]:
    """Probes for every arm without user traffic, and for a routed one until it is all back."""
    probes = {}
    for name in baseline.arms:
        has_users = shares[name] > 0.0 or (
            name == baseline.control_arm and baseline.control_share > 0.0
        )
        if name != HOLDBACK and (name in routed or not has_users):
            probes[name] = probe_per_s
    return probes

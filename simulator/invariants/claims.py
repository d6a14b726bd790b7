"""Claims are nobody else's: only an incident's own record changes what it claims.

And what is claimed is in the published plan for as long as it is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from controller.settings import Settings
from simulator.invariants.invariant import Change, Invariant, Plan, Told
from simulator.invariants.shares import TOLERANCE
from simulator.invariants.story import Claim, Record, Story, drained, is_order

SPLITS_LIMIT = 16
"""A plan has no more segments than this; overlaps beyond are left out."""


class ClaimsAreOnesOwn(Invariant):
    """People are the exception: they override, release, and thaw what an incident froze."""

    name = "claims-are-ones-own"

    def record(self, told: Told) -> Iterator[str]:
        record = told.record
        before, after = record["claims_before"], record["claims_after"]
        if _by_owner(before) != _by_owner(told.story.claims):
            yield f"{record['id']} begins with other claims than the record before it left"
        was, now = _by_owner(before), _by_owner(after)
        for owner in sorted({*was, *now}):
            lost = [c for c in was.get(owner, ()) if c not in now.get(owner, ())]
            won = [c for c in now.get(owner, ()) if c not in was.get(owner, ())]
            if (lost or won) and not _may_change(record, owner, lost, won):
                what = f"loses {_named(lost)}" if lost else f"gains {_named(won)}"
                yield f"{owner} {what} by a record of {record['incident'] or record['phase']}"
        for owner in now:
            known = owner in told.story.incidents or owner in (
                record["incident"],
                record["command_id"],
            )
            if not (known or owner in told.story.overrides):
                yield f"{record['id']}: {owner} claims, and no record knows it as open"


class ClaimsAreInThePlan(Invariant):
    """A drained arm stays drained, whoever else comes and goes; without claims, the baseline."""

    name = "claims-are-in-the-plan"

    def __init__(self, settings: Settings) -> None:
        self._shares = {name: arm.share for name, arm in settings.arms.items()}
        self._cache_ttl_s = settings.cache_ttl_s

    def change(self, change: Change) -> Iterator[str]:
        plan = change.plan
        if plan is None or not (change.plan_changed or change.records):
            return
        claims = change.story.claims
        if not any(claim["kind"] == "shares" for claim in claims):
            routes = [c for c in claims if c["kind"] == "route" and drained(c) > 0.0]
            for claim in routes:
                yield from self._drained(claim, plan, change.story)
            if not routes and not change.story.promoters:
                yield from self._at_baseline(plan)
        yield from _number(plan, claims, "shed_share", "shed", 0.0)
        yield from _number(plan, claims, "cache_ttl_s", "cache_ttl", self._cache_ttl_s)
        for claim in claims:
            if claim["kind"] == "freeze" and claim["source"] not in plan["frozen"]:
                yield f"{claim['owner']} freezes {claim['source']}, the plan does not"

    def _drained(self, claim: Claim, plan: Plan, story: Story) -> Iterator[str]:
        source, target, arms = claim["source"], claim["target"], plan["arms"]
        if source not in arms or target not in arms or source == target:
            return
        if source == plan["control_arm"]:
            return  # where all that has nowhere else to go ends up
        base = 1.0 if story.promoters else self._shares.get(source, 1.0)
        most = base * (1.0 - drained(claim)) + TOLERANCE
        where = claim.get("where") or {}
        if not where and arms[source]["share"] > most:
            yield f"{claim['owner']} drains {source}, whose share is {arms[source]['share']:g}"
        inside = [s for s in plan["splits"] if where.items() <= s["where"].items()]
        if where and not inside and len(plan["splits"]) < SPLITS_LIMIT:
            yield f"{claim['owner']} drains {source} where {where}, and no split says so"
        for split in inside:
            if split["shares"].get(source, 0.0) > most:
                yield f"{claim['owner']} drains {source}, but not where {split['where']}"

    def _at_baseline(self, plan: Plan) -> Iterator[str]:
        shares = {name: arm["share"] for name, arm in plan["arms"].items()}
        for name, share in shares.items():
            if abs(share - self._shares.get(name, 0.0)) > TOLERANCE:
                yield f"nobody claims traffic, and the share of {name} is {share:g}"
        if plan["splits"]:
            yield "nobody claims traffic, and the plan has splits"


def _by_owner(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        found.setdefault(claim["owner"], []).append(claim)
    return found


def _may_change(record: Record, owner: str, lost: Sequence[Claim], won: Sequence[Claim]) -> bool:
    if record["incident"] == owner:
        return True
    if is_order(record, "override"):
        return bool(record["command_id"] == owner)
    if is_order(record, "release"):
        return bool(record["details"]["target"] == owner)
    if is_order(record, "thaw"):
        return not won and {claim["kind"] for claim in lost} == {"freeze"}
    ran_out = record["phase"] == "released" and not won
    return ran_out and {claim["kind"] for claim in lost} == {"shares"}


def _named(claims: Sequence[Claim]) -> str:
    return ", ".join(f"its {claim['kind']} of {claim.get('source', 'all')}" for claim in claims)


def _number(
    plan: Plan, claims: Sequence[Claim], field: str, kind: str, otherwise: float
) -> Iterator[str]:
    """The claimed number of whom it may be; the plan's own where nobody claims one."""
    wanted = [_number_of(claim) for claim in claims if claim["kind"] == kind] or [otherwise]
    if all(abs(plan[field] - number) > TOLERANCE for number in wanted):
        yield f"{field} is {plan[field]:g}, wanted is {' or '.join(f'{n:g}' for n in wanted)}"


def _number_of(claim: Mapping[str, float]) -> float:
    return float(claim.get("number", 0.0))

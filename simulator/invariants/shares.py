"""Every published plan can be obeyed: shares within 0 and 1 that sum to one, sane numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from simulator.invariants.invariant import Change, Invariant, Plan

TOLERANCE = 1e-6


class SharesSumToOne(Invariant):
    """Arms, every split, and the shares beside them."""

    name = "shares-sum-to-one"

    def change(self, change: Change) -> Iterator[str]:
        plan = change.plan
        if not change.plan_changed or plan is None:
            return
        arms = plan["arms"]
        yield from _shares("the arms", {name: arm["share"] for name, arm in arms.items()})
        for split in plan["splits"]:
            yield from _shares(f"the split {split['where']}", split["shares"])
            if unknown := set(split["shares"]) - set(arms):
                yield f"the split {split['where']} names {sorted(unknown)}, which are no arms"
        yield from _numbers(plan)


def _shares(what: str, shares: Mapping[str, float]) -> Iterator[str]:
    if not all(0.0 <= share <= 1.0 for share in shares.values()):
        yield f"{what}: a share is not within 0 and 1: {dict(shares)}"
    if abs(math.fsum(shares.values()) - 1.0) > TOLERANCE:
        yield f"{what}: shares sum to {math.fsum(shares.values()):g}: {dict(shares)}"


def _numbers(plan: Plan) -> Iterator[str]:
    for name in ("control_share", "shed_share"):
        if not 0.0 <= plan[name] <= 1.0:
            yield f"{name} is {plan[name]}"
    if plan["control_arm"] not in plan["arms"]:
        yield f"the control arm {plan['control_arm']!r} is no arm"
    deadlines = {"the request": plan["request_deadline_ms"]}
    deadlines |= {f"arm {name}": arm["deadline_ms"] for name, arm in plan["arms"].items()}
    for what, deadline_ms in deadlines.items():
        if not 0.0 < deadline_ms < math.inf:
            yield f"the deadline of {what} is {deadline_ms} ms"
    if not all(0.0 <= rate < math.inf for rate in plan["probe_per_s"].values()):
        yield f"probe rates are {plan['probe_per_s']}"
    if not 0.0 <= plan["cache_ttl_s"] < math.inf:
        yield f"the cache keeps for {plan['cache_ttl_s']} s"

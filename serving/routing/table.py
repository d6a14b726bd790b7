"""The route table: the newest plan a router has seen, and a person's local override of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controller.core.plan import Plan
from serving.routing.deadline import LONGEST_DEADLINE_MS


@dataclass(frozen=True, slots=True)
class Override:
    """Shares a person set beside the router. They win until they expire, over every plan that has
    their arms."""

    shares: Mapping[str, float]
    who: str
    expires_at_s: float


class RouteTable:
    """Holds one plan, swapped whole. Plans older than it are refused."""

    def __init__(self, baseline: Plan) -> None:
        self.held = baseline
        self._override: Override | None = None
        self._folded = (baseline, baseline)
        """The plan held, and what to route by then: one value, as another thread may fold, too."""

    @property
    def order(self) -> tuple[int, int]:
        return (self.held.epoch, self.held.revision)

    def offer(self, plan: Plan) -> bool:
        """Take a newer plan. False: it is another service's, or not newer than the one held."""
        if plan.service != self.held.service or (plan.epoch, plan.revision) <= self.order:
            return False
        self.held = plan
        self._fold()
        return True

    def set_override(self, override: Override | None) -> None:
        self._override = override
        self._fold()

    def effective(self, now_s: float) -> Plan:
        """What to route by."""
        if self._override is not None and now_s >= self._override.expires_at_s:
            self.set_override(None)
        held, folded = self._folded
        if held is not self.held:
            self._fold()
            folded = self._folded[1]
        return folded

    @property
    def override(self) -> Override | None:
        return self._override

    def _fold(self) -> None:
        held, override = self.held, self._override
        if override is None or override_fault(override, held) is not None:
            self._folded = (held, held)
            return
        shares = override.shares
        arms = {name: replace(arm, share=shares.get(name, 0.0)) for name, arm in held.arms.items()}
        self._folded = (held, replace(held, arms=arms, splits=(), evaluation=None))


def plan_fault(plan: Plan) -> str | None:
    """Why a plan cannot be routed by, or None: a controller that is wrong is a fault like any.

    Raise TypeError where a field is not of its type.
    """
    if not all(isinstance(each, int) for each in (plan.epoch, plan.revision, plan.salt)):
        return "epoch, revision or salt is not a whole number"
    if not plan.arms:
        return "it has no arms"
    if not isinstance(plan.control_arm, str):
        return "its control arm is not a name"
    for name, arm in plan.arms.items():
        if not 0.0 <= arm.share <= 1.0:
            return f"arm {name}: share {arm.share} is not within 0 and 1"
        if not 0.0 < arm.deadline_ms <= LONGEST_DEADLINE_MS:
            return f"arm {name}: deadline {arm.deadline_ms} ms"
    if not 0.99 < sum(arm.share for arm in plan.arms.values()) < 1.01:
        return "the shares of its arms do not sum to 1"
    if not 0.0 <= plan.control_share <= 1.0 or not 0.0 <= plan.shed_share <= 1.0:
        return "control or shed share is not within 0 and 1"
    if not 0.0 < plan.request_deadline_ms <= LONGEST_DEADLINE_MS:
        return f"request deadline {plan.request_deadline_ms} ms"
    for split in plan.splits:
        if not all(0.0 <= share <= 1.0 for share in split.shares.values()):
            return f"split {dict(split.where)}: a share is not within 0 and 1"
    if not all(0.0 <= rate < float("inf") for rate in plan.probe_per_s.values()):
        return "a probe rate is below 0 or not finite"
    return None if 0.0 <= plan.cache_ttl_s < float("inf") else "the cache time is below 0"


def override_fault(override: Override, plan: Plan) -> str | None:
    """Why an override cannot be obeyed, or None."""
    unknown = [name for name in override.shares if name not in plan.arms]
    if unknown:
        return f"unknown arm {unknown[0]!r}; the arms are {', '.join(plan.arms)}"
    if any(share < 0.0 for share in override.shares.values()):
        return "a share is below 0"
    if abs(sum(override.shares.values()) - 1.0) > 1e-6:
        return "the shares must sum to 1"
    return None

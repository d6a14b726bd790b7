"""Linter rules about the limits of the whole service: what they never let through, or never need.

Each rule is a generator of drafts over a playbook that already reads well. The judge refuses by
the same limits when it acts; here is what can be known from the settings alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from controller.core.actions import BUDGET_CLASSES, PEOPLE, claim_of, target_of
from controller.core.blast_radius import DRAINED
from controller.core.claims import Claim
from controller.core.limits import Rate
from controller.core.plan_fold import routed_shares
from controller.core.playbook import All, Comparison, Condition, Move, Route
from controller.language.lint_subject import Draft, Subject, rung_path
from controller.language.quantities import duration_text, plain, share_text

_ROUNDING = 1e-9
_LIMITS_ADVICE = "accepted: a smaller share, or another `limits` in selfright.yaml"


def budget_beyond_the_service(subject: Subject) -> Iterator[Draft]:
    """The service's budgets allow no more rungs than the playbook's own, so that never binds."""
    guards, limits = subject.playbook.guards, subject.vocabulary.settings.limits.for_judge()
    costs = [_costs(rung) for rung in subject.playbook.rungs]
    names = set(costs[0]).intersection(*costs)  # what every rung spends of
    rates = {name: limits.per_class.get(name, limits.per_target) for name in names}
    rates.update(dict.fromkeys(names & {"actions"}, limits.actions))
    for name, rate in sorted(rates.items()):
        possible = _possible(rate, min(cost[name] for cost in costs), guards.budget_per_s)
        if possible <= guards.budget_count:
            period = duration_text(guards.budget_per_s)
            what = (
                f"the budget never binds: the service's limit for {name}, {rate.count} per"
                f" {duration_text(rate.per_s)}, allows {possible} in {period}"
            )
            advice = f"a budget below {possible} per {period}, or a higher limit in selfright.yaml"
            yield Draft("P039", "guards.budget", what, advice, "warning")
            return


def _costs(rung: Sequence[Move]) -> Counter[str]:
    """What acting on a rung is charged to: all actions, their class, their target."""
    costs: Counter[str] = Counter()
    for move in rung:
        budget_class = BUDGET_CLASSES[type(move.action)]
        if budget_class != PEOPLE:
            costs.update(("actions", budget_class, f"target {target_of(move.action)}"))
    return costs


def _possible(rate: Rate, cost: int, per_s: float) -> int:
    """How many rungs of this cost a rolling budget lets through in so many seconds, at most."""
    return math.ceil(per_s / rate.per_s) * rate.count // cost


def routes_beyond_the_limits(subject: Subject) -> Iterator[Draft]:
    """Moved share and healthy arms, for the shares of the settings."""
    settings = subject.vocabulary.settings
    limits, base = settings.limits, {name: arm.share for name, arm in settings.arms.items()}
    for number, rung in enumerate(subject.playbook.rungs):
        path, claims = rung_path(number), _routes(rung)
        if not claims or not {c.source for c in claims} <= set(base):
            continue
        after, _ = routed_shares(base, claims, settings.fallback_arm)
        moved = sum(max(0.0, base[name] - after[name]) for name in base)
        if moved > limits.most_moved_share + _ROUNDING:
            what = (
                f"{share_text(round(moved, 4))} of the traffic would move, and the service moves"
                f" {share_text(limits.most_moved_share)} at most"
            )
            yield Draft("P044", path, what, _LIMITS_ADVICE, "warning")
        drained = {c.source for c in claims if c.share >= DRAINED and not c.where}
        healthy = len(set(base) - drained)
        if healthy < min(limits.fewest_healthy_arms, len(base)):
            what = (
                f"{healthy} of {len(base)} arms would stay healthy, and the service keeps"
                f" {limits.fewest_healthy_arms}"
            )
            yield Draft("P044", path, what, _LIMITS_ADVICE, "warning")


def routes_without_head_room(subject: Subject) -> Iterator[Draft]:
    """Only where `when` states a rate, and the settings what the target bears."""
    settings, when = subject.vocabulary.settings, subject.playbook.when
    base = {name: arm.share for name, arm in settings.arms.items()}
    for number, rung in enumerate(subject.playbook.rungs):
        claims = _routes(rung)
        if not {arm for c in claims for arm in (c.source, c.target)} <= set(base):
            continue
        after, _ = routed_shares(base, claims, settings.fallback_arm)
        for claim in claims:
            bears_per_s = settings.arms[claim.target].capacity_per_s
            if bears_per_s is None or claim.where:
                continue
            rate_per_s = max(
                _least_per_s(when, "request_rate_per_s") * after[claim.target],
                _least_per_s(when, "arm_rate_per_s", claim.source) * claim.share,
            )
            most = settings.limits.most_utilization
            if rate_per_s > most * bears_per_s:
                what = (
                    f"{claim.target} would get {plain(round(rate_per_s, 3))}/s or more and bears"
                    f" {plain(bears_per_s)}/s, of which {share_text(most)} may be used"
                )
                yield Draft("P044", rung_path(number), what, _LIMITS_ADVICE, "warning")


def _least_per_s(condition: Condition, signal: str, arm: str | None = None) -> float:
    """The rate that is there whenever the condition is met; 0 where it says none."""
    if isinstance(condition, All):
        return max(_least_per_s(part, signal, arm) for part in condition.conditions)
    if not isinstance(condition, Comparison) or condition.op[0] != ">":
        return 0.0
    labels = () if arm is None else (("arm", arm),)
    names_it = (condition.quantity.signal, condition.quantity.labels) == (signal, labels)
    return condition.threshold if names_it else 0.0


def _routes(rung: Sequence[Move]) -> list[Claim]:
    wanted = (claim_of(m.action, "", 0, 0.0, 0, 0) for m in rung if isinstance(m.action, Route))
    return [claim for claim in wanted if claim is not None]


LIMIT_RULES = (
    budget_beyond_the_service,
    routes_beyond_the_limits,
    routes_without_head_room,
)

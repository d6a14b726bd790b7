"""The plan as a fold of baseline and claims."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.baseline import seed
from controller.core.claims import Claim
from controller.core.plan import Plan
from controller.core.plan_fold import Stamp, fold
from controller.core.state import Baseline, BaselineArm
from tests.core.worlds import SETTINGS, check_plan

STAMP = Stamp("recommender", 7, 3, 1_000.0)


def folded(*claims: Claim, baseline: Baseline | None = None) -> Plan:
    plan = fold(baseline or seed(SETTINGS), claims, (), (), SETTINGS, STAMP)
    check_plan(plan)
    return plan


def route(
    owner: str = "i1", source: str = "primary", target: str = "fallback", **more: Any
) -> Claim:
    told: dict[str, Any] = {"share": 1.0, "priority": 50, "since_s": 1.0, **more}
    return Claim(owner, "route", told.pop("priority"), told.pop("since_s"), source, target, **told)


def shares(plan: Plan) -> dict[str, float]:
    return {name: arm.share for name, arm in plan.arms.items() if arm.share}


def halves() -> Baseline:
    arms = {
        "primary": BaselineArm("als-1", 0.6, 100.0),
        "fallback": BaselineArm("pop-1", 0.0, 100.0),
        "challenger": BaselineArm("als-0", 0.4, 100.0),
    }
    return Baseline(arms, 0.02, "fallback", 200.0, 30.0)


def test_without_claims_the_plan_is_the_baseline() -> None:
    plan = folded()
    assert shares(plan) == {"primary": 1.0}
    assert set(plan.owners.values()) == {"baseline"}


def test_route_caps_its_source_at_what_is_left_of_its_baseline() -> None:
    assert shares(folded(route(share=0.3), baseline=halves())) == {
        "primary": 0.42,
        "fallback": 0.18,
        "challenger": 0.4,
    }


def test_the_lowest_cap_wins_and_its_owners_target_receives_the_rest() -> None:
    plan = folded(
        route("mild", share=0.3, target="fallback", priority=90),
        route("strict", share=0.8, target="challenger", priority=10),
    )
    assert shares(plan) == {"primary": 0.2, "challenger": 0.8}
    assert plan.owners["arms.primary.share"] == "strict"
    assert plan.owners["arms.challenger.share"] == "strict"
    assert plan.owners["arms.fallback.share"] == "baseline"


def test_between_equal_caps_the_priority_then_the_age_decides() -> None:
    young = route("young", target="challenger", since_s=9.0)
    old = route("old", target="fallback", since_s=1.0)
    assert folded(young, old).owners["arms.primary.share"] == "old"
    urgent = route("urgent", target="challenger", priority=60, since_s=9.0)
    assert folded(old, urgent).owners["arms.primary.share"] == "urgent"


def test_a_capped_target_passes_it_on_to_the_fallback() -> None:
    plan = folded(
        route("a", "primary", "challenger"),
        route("b", "challenger", "primary", share=0.5),
        baseline=halves(),
    )
    assert shares(plan) == {"challenger": 0.2, "fallback": 0.8}


def test_a_claim_that_returned_everything_caps_nothing_and_keeps_the_probes() -> None:
    plan = folded(route(returned=1.0))
    assert shares(plan) == {"primary": 1.0}
    assert plan.probe_per_s["primary"] == 20.0


def test_a_stage_gives_back_its_share_of_what_was_drained() -> None:
    assert shares(folded(route(share=0.5, returned=0.1))) == {"primary": 0.55, "fallback": 0.45}


def test_a_person_wins_over_every_incident() -> None:
    override = Claim(
        "c1", "shares", 0, 9.0, shares={"primary": 1.0, "fallback": 0.0}, by_person=True
    )
    plan = folded(route(priority=1_000), override)
    assert shares(plan) == {"primary": 1.0}
    assert plan.owners["arms.primary.share"] == "c1"


def test_other_fields_go_to_the_highest_priority_then_the_older() -> None:
    plan = folded(
        Claim("low", "shed", 10, 1.0, number=0.5),
        Claim("late", "shed", 50, 9.0, number=0.3),
        Claim("early", "shed", 50, 2.0, number=0.1),
        Claim("ttl", "cache_ttl", 50, 2.0, number=600.0),
        Claim("big", "scale", 50, 2.0, source="primary", number=4.0),
    )
    assert (plan.shed_share, plan.owners["shed_share"]) == (0.1, "early")
    assert (plan.cache_ttl_s, plan.owners["cache_ttl_s"]) == (600.0, "ttl")
    assert plan.arms["primary"].replicas == 4
    assert plan.owners["arms.primary.replicas"] == "big"


def test_a_route_for_a_segment_is_a_split_and_leaves_the_rest_alone() -> None:
    plan = folded(route(where={"platform": "ios"}))
    assert shares(plan) == {"primary": 1.0}
    (split,) = plan.splits
    assert split.where == {"platform": "ios"}
    assert split.shares["fallback"] == 1.0
    assert plan.owners["splits"] == "i1"


def test_overlapping_segments_get_a_split_of_their_own_first() -> None:
    plan = folded(
        route("a", where={"platform": "ios"}, share=0.2),
        route("b", where={"country": "de"}, share=0.7),
    )
    assert [dict(split.where) for split in plan.splits] == [
        {"country": "de", "platform": "ios"},
        {"country": "de"},
        {"platform": "ios"},
    ]
    assert plan.splits[0].shares["primary"] == 0.3


def test_arms_without_user_traffic_are_probed_and_the_control_arm_is_not() -> None:
    assert folded().probe_per_s == {"challenger": 20.0}


def test_a_claim_on_an_unknown_arm_changes_nothing() -> None:
    plan = folded(route(source="gone"))
    assert shares(plan) == {"primary": 1.0}


def test_what_would_go_to_an_arm_that_is_gone_goes_to_the_fallback() -> None:
    plan = folded(route(target="gone"))
    assert shares(plan) == {"fallback": 1.0}


ARMS = st.sampled_from(["primary", "fallback", "challenger"])
ROUTES = st.lists(
    st.builds(
        route,
        owner=st.sampled_from(["a", "b", "c"]),
        source=ARMS,
        target=ARMS,
        share=st.floats(0.0, 1.0),
        returned=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        priority=st.integers(0, 100),
        where=st.sampled_from([{}, {"platform": "ios"}, {"country": "de"}]),
    ),
    max_size=6,
)


@given(routes=ROUTES, baseline=st.sampled_from([seed(SETTINGS), halves()]))
@settings(max_examples=150, deadline=None)
def test_shares_always_sum_to_one_and_claims_fold_in_any_order(
    routes: list[Claim], baseline: Baseline
) -> None:
    unique = [r for i, r in enumerate(routes) if r.owner not in {q.owner for q in routes[:i]}]
    plan = folded(*unique, baseline=baseline)
    assert plan == folded(*reversed(unique), baseline=baseline)
    for name, arm in baseline.arms.items():
        caps = [r for r in unique if r.source == name and not r.where and r.target != name]
        for claim in caps:
            if name != "fallback" and not any(r.target == name for r in unique):
                limit = arm.share * (1.0 - claim.share * (1.0 - claim.returned))
                assert plan.arms[name].share <= limit + 1e-5


@pytest.mark.parametrize("share", [1 / 3, 0.1, 0.999_999_9])
def test_rounding_never_breaks_the_sum(share: float) -> None:
    check_plan(folded(route(share=share), baseline=halves()))

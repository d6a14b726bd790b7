"""Return belongs to the arm: stages, failures, joining, expiry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.core.playbook import Autonomy, Move, NoData, Playbook
from tests.core.worlds import ROUTE, World, above, below, playbook, verified, with_settings


def returning(world: World) -> World:
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    world.until("returning", p95=50.0)
    return world


def test_clear_needs_its_whole_span_of_good_readings() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    world.tick(5, p95=50.0)
    assert world.incident.phase == "holding"
    world.tick()
    assert world.incident.phase == "returning"


@pytest.mark.parametrize("state", ["idle", "stale", "insufficient", "down", "missing"])
def test_nothing_but_ok_readings_clears_or_passes_a_stage(state: str) -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    world.tick(60, p95=state)
    assert world.incident.phase == "holding"
    world.until("returning", p95=50.0)
    world.tick(60, p95=state)
    assert (world.incident.stage, world.share("primary")) == (0, 0.1)
    world.until("recovered", p95=50.0)


def test_a_stage_that_breaches_drains_again() -> None:
    world = returning(World(playbook()))
    world.tick(2, p95=412.0)
    assert world.share("primary") == 0.1, "`when` has a span of its own"
    world.tick()
    assert world.share("primary") == 0.0
    assert world.incident.phase == "holding"
    assert "stage 1 failed (1)" in world.sentences("holding")[-1]


def test_the_third_failure_pages_and_waits_for_a_person() -> None:
    world = returning(World(playbook(), settings=with_settings(oscillation_limit=100)))
    for failure in range(3):
        world.until("escalated" if failure == 2 else "holding", p95=412.0)
        if failure < 2:
            world.until("returning", p95=50.0)
    assert any("stays drained" in message for message in world.pages())
    world.tick(60, p95=50.0)
    assert world.incident.phase == "escalated"
    world.command("acknowledge", world.incident.id)
    world.until("recovered")


def test_a_stage_waits_until_its_revision_is_adopted() -> None:
    world = World(playbook())
    returning(world)
    world.adopting = False
    world.tick(30)
    assert world.incident.stage == 0
    world.adopting = True
    world.tick()
    assert world.incident.stage == 1


def test_a_gap_starts_the_stage_again() -> None:
    world = returning(World(playbook()))
    world.tick(3)
    world.tick(after_s=10.0)
    assert world.incident.stage == 0
    assert world.until("returning") == 5


def errors_book(**more: object) -> Playbook:
    told = {
        "name": "failing-primary",
        "when": above("errors", 0.2, 2.0),
        "clear_when": below("errors", 0.1, 5.0),
        "rungs": ((verified(ROUTE),),),
        **more,
    }
    return playbook(**told)


def two_holding() -> World:
    world = World(playbook(), errors_book())
    world.tick(3, p95=412.0, errors=0.5, degraded=0.3)
    world.tick(15, degraded=0.0)
    assert [each.phase for each in world.state.incidents] == ["holding", "holding"]
    return world


def test_an_incident_whose_arm_another_still_drains_just_drops_its_claim() -> None:
    world = two_holding()
    world.until("recovered", p95=50.0)
    assert world.share("primary") == 0.0
    assert "returning" not in world.phases


def test_the_last_to_leave_returns_the_traffic_in_stages() -> None:
    world = two_holding()
    world.until("recovered", p95=50.0)
    world.until("returning", errors=0.0)
    assert world.share("primary") == 0.1
    world.until("recovered")
    assert world.share("primary") == 1.0


def test_two_that_clear_in_one_tick_return_the_traffic_once() -> None:
    world = two_holding()
    world.until("returning", p95=50.0, errors=0.0)
    assert world.phases[-2:] == ["recovered", "returning"]
    assert world.share("primary") == 0.1


def test_one_that_acts_while_another_returns_takes_the_arm_over() -> None:
    world = returning(World(playbook(), errors_book()))
    world.tick(4, errors=0.5)
    assert world.share("primary") == 0.0
    assert [each.playbook.name for each in world.state.incidents] == ["failing-primary"]
    assert "this one leaves it to that" in world.sentences("recovered")[0]


def test_an_excluded_playbook_joins_at_no_cost_and_holds_the_arm() -> None:
    joiner = errors_book(excludes=("routing",), budget_count=1)
    world = World(playbook(), joiner)
    world.tick(3, p95=412.0, degraded=0.3)
    world.tick(4, errors=0.5)
    assert "joined" in world.phases
    ledgers = {each.playbook: each for each in world.state.ledgers}
    assert "failing-primary" not in ledgers, "no budget, no cooldown"
    world.until("recovered", p95=50.0, degraded=0.0)
    assert world.share("primary") == 0.0, "the joined one still drains the arm"
    world.until("returning", errors=0.0)
    world.until("recovered")
    assert world.share("primary") == 1.0


def test_an_excluded_playbook_whose_change_is_not_in_the_plan_is_blocked() -> None:
    other = replace(ROUTE, source="challenger")
    joiner = errors_book(excludes=("routing",), rungs=((verified(other),),))
    world = World(playbook(), joiner)
    world.tick(3, p95=412.0, degraded=0.3)
    world.tick(4, errors=0.5)
    assert "exclude each other" in world.sentences("blocked")[0]
    assert len(world.state.incidents) == 1


def test_a_route_to_another_arm_is_not_in_the_plan_and_does_not_join() -> None:
    elsewhere = replace(ROUTE, target="challenger")
    joiner = errors_book(excludes=("routing",), rungs=((verified(elsewhere),),))
    world = World(playbook(), joiner)
    world.tick(3, p95=412.0, degraded=0.3)
    world.tick(4, errors=0.5)
    assert "joined" not in world.phases


@pytest.mark.parametrize("policy", list(NoData))
def test_unknown_never_counts_towards_the_end_whatever_no_data_says(policy: NoData) -> None:
    world = World(playbook(no_data=policy))
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    world.tick(5, p95=50.0)
    world.tick(20, p95="stale")
    assert world.incident.phase == "holding"
    ticks_left = {NoData.HOLD: 2, NoData.ACT: 2, NoData.ESCALATE: 6}
    assert world.until("returning", p95=50.0) == ticks_left[policy]


def test_a_playbook_that_needs_approval_does_not_join_by_itself() -> None:
    joiner = errors_book(excludes=("routing",), autonomy=Autonomy.APPROVE)
    world = World(playbook(), joiner)
    world.tick(3, p95=412.0, degraded=0.3)
    world.tick(4, errors=0.5)
    assert "joined" not in world.phases
    assert "blocked" in world.phases


def test_a_claim_that_runs_out_ends_as_expired() -> None:
    route = replace(ROUTE, expires_s=20.0)
    world = World(playbook(rungs=((Move(route),),)))
    world.tick(3, p95=412.0)
    world.until("returning", p95=180.0)
    assert world.at_s - 1_003.0 == 20.0
    world.until("expired")
    assert world.share("primary") == 1.0


def test_without_stages_the_traffic_is_back_at_once() -> None:
    route = replace(ROUTE, returns=())
    world = World(playbook(rungs=((Move(route),),)))
    world.tick(3, p95=412.0)
    world.until("recovered", p95=50.0)
    assert world.share("primary") == 1.0


def test_a_partial_route_for_a_segment_returns_alone() -> None:
    ios = replace(ROUTE, where={"platform": "ios"}, share=0.5)
    world = World(playbook(rungs=((Move(ios),),)))
    world.tick(3, p95=412.0)
    assert world.plan.splits[0].shares["primary"] == 0.5
    world.until("returning", p95=50.0)
    assert world.plan.splits[0].shares["primary"] == 0.55
    world.until("recovered")
    assert world.plan.splits == ()


def test_a_stricter_drain_of_the_same_arm_acts_although_they_exclude_each_other() -> None:
    partly = playbook(
        "partly",
        above("shifted", 1.0),
        rungs=((verified(replace(ROUTE, share=0.8)),),),
        clear_when=below("shifted", 0.5),
        excludes=("routing",),
    )
    world = World(partly, errors_book(excludes=("routing",)))
    world.until("acting", shifted=5.0)
    assert world.share() == 0.2
    world.until("acting", errors=0.5)
    assert world.share() == 0.0
    world.until("recovered", shifted=0.0)
    assert world.share() == 0.0, "the stricter one still drains the arm"


def test_the_failed_stages_of_an_arm_are_not_forgotten_by_whoever_drains_it_next() -> None:
    world = World(playbook(), errors_book(excludes=("routing",)))
    world.until("acting", p95=412.0)
    world.until("returning", p95=50.0)
    world.tick(1, errors=0.5, p95=412.0)
    world.tick(5)
    assert sorted(each.stage_failures for each in world.state.incidents) == [0, 1]
    world.until("recovered", p95=50.0)
    (left,) = world.state.incidents
    assert left.playbook.name == "failing-primary"
    assert left.stage_failures == 1


def test_a_full_drain_returns_in_stages_down_to_what_another_still_holds_back() -> None:
    partly = playbook(
        "partly",
        above("shifted", 1.0),
        rungs=((Move(replace(ROUTE, share=0.5)),),),
        clear_when=below("shifted", 0.5),
    )
    world = World(playbook(), partly)
    world.until("acting", p95=412.0)
    world.until("acting", shifted=5.0)
    assert world.share() == 0.0
    world.until("returning", p95=50.0)
    shares = []
    while len(world.state.incidents) == 2:
        shares.append(round(world.share(), 6))
        world.tick()
    assert list(dict.fromkeys(shares)) == [0.1, 0.5]
    assert world.share() == 0.5
    (said,) = world.sentences("recovered")
    assert "partly" in said
    assert "all traffic is back" not in said
    assert "100 % of what primary lost" not in " ".join(world.sentences("returning"))

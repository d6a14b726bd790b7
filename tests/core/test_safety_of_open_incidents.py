"""What an open incident may still do: frozen, cleared, expired, unseen, and approved too late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.core.limits import Limits, Rate
from controller.core.playbook import Autonomy, Freeze, Move, Route, Shed
from controller.core.readings import SignalKey
from controller.core.settings import ArmSettings
from tests.core.worlds import (
    ROUTE,
    SETTINGS,
    SIGNALS,
    World,
    above,
    below,
    notify,
    playbook,
    verified,
    with_settings,
)

TO_CHALLENGER = Route("primary", "challenger", 1.0, returns=(0.1, 0.5, 1.0), every_s=5.0)
ELSEWHERE = Route("challenger", "fallback", 1.0)


@pytest.fixture(autouse=True)
def _challenger_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    key = SignalKey("arm_bad", (("arm", "challenger"),), 5.0)
    monkeypatch.setitem(SIGNALS, "challenger_bad", key)  # type: ignore[arg-type]


def widening() -> World:
    """A quarter of the traffic is with an arm whose head-room nobody knows."""
    world = World(playbook(rungs=((verified(TO_CHALLENGER),),)))
    world.tick(4, p95=412.0, degraded=0.3, challenger_bad=0.0)
    assert world.share("challenger") == 0.25
    return world


def test_a_move_in_stages_waits_while_a_person_froze_everything() -> None:
    world = widening()
    world.command("freeze", "all")
    world.tick(60)
    assert world.share("challenger") == 0.25
    (blocked,) = world.sentences("blocked")
    assert "may not move more traffic now: all is frozen by ada" in blocked
    world.command("thaw", "all")
    world.tick(30)
    assert world.share("challenger") == 1.0


def test_a_move_in_stages_ends_where_it_is_when_the_fault_is_over() -> None:
    world = widening()
    world.until("blocked", p95=50.0, degraded=0.0)
    assert "moves no more traffic: clear_when is met" in world.sentences("blocked")[0]
    assert world.share("challenger") == 0.25
    world.until("recovered")
    assert max(plan.arms["challenger"].share for plan in world.plans) == 0.25


def test_nothing_is_undone_while_a_person_froze_it() -> None:
    world = World(playbook(rungs=((verified(ROUTE, "undo"),),)))
    world.tick(5, p95=412.0, degraded=0.5)
    world.command("freeze", "slow-primary")
    world.tick(60, p95=180.0)
    assert world.share("primary") == 0.0
    assert "undo is refused: slow-primary is frozen by ada" in world.sentences("holding")[-1]


def test_the_freeze_of_a_guard_ends_no_freeze_of_a_person() -> None:
    world = World(playbook(cooldown_s=1.0), settings=with_settings(oscillation_limit=2))
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("returning", p95=50.0, degraded=0.0)
    world.command("freeze", "slow-primary")
    world.until("frozen", p95=412.0)
    world.until("thawed", limit=4_000)
    world.tick(200, p95=50.0)
    assert world.share("primary") == 0.0
    assert [mark.who for mark in world.state.freezes] == ["ada"]
    world.command("thaw", "slow-primary")
    world.until("recovered")


def test_people_cannot_freeze_so_much_that_a_freeze_is_lost() -> None:
    many = [playbook(f"p{n:02}", when=above("errors", 0.9)) for n in range(40)]
    world = World(*many)
    for each in many:
        world.command("freeze", each.name)
    assert [mark.what for mark in world.state.freezes] == [each.name for each in many[:32]]
    assert "32 things are frozen already" in world.sentences("operator")[-1]


def test_nothing_returns_into_an_arm_whose_fault_is_still_seen() -> None:
    """`clear_when` looks at the users, who are well because the arm is drained."""
    world = World(playbook(clear_when=below("degraded", 0.01, 5.0)))
    world.tick(3, p95=412.0, degraded=0.3)
    world.tick(120, degraded=0.0)
    assert world.share("primary") == 0.0
    assert "may not return now: `when` still holds" in world.sentences("blocked")[0]
    assert len(world.sentences("blocked")) == 1
    world.until("recovered", p95=50.0)


@pytest.mark.parametrize("p95", [412.0, "down", "insufficient"])
def test_the_clock_alone_returns_nothing_and_a_person_is_told(p95: Any) -> None:
    route = replace(ROUTE, expires_s=60.0)
    world = World(playbook(rungs=((Move(route),),)))
    world.tick(3, p95=412.0)
    world.tick(300, p95=p95)
    assert world.share("primary") == 0.0
    (page,) = world.pages()
    assert "its claim has run out, but `when`" in page
    world.until("expired", p95=160.0)


def test_a_return_nobody_sees_is_told_to_a_person_within_minutes() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("returning", p95=50.0, degraded=0.0)
    world.tick(400, p95="down")
    assert world.share("primary") == 0.1, "nothing unseen passes a stage"
    (page,) = world.pages()
    assert "may not return more now: for 5.08 min nobody sees how stage 1 goes" in page
    world.until("recovered", p95=50.0)


def test_a_stage_shorter_than_the_span_of_the_fault_proves_nothing() -> None:
    world = World(playbook(when=above("p95", 200.0, 60.0)))
    world.tick(70, p95=412.0, degraded=0.3)
    world.until("returning", p95=50.0, degraded=0.0)
    world.tick(50, p95=5_000.0)
    assert world.share("primary") == 0.1
    world.tick(20)
    assert world.share("primary") == 0.0
    assert "stage 1 failed (1)" in world.sentences("holding")[-1]


def test_a_window_from_before_the_stage_passes_no_stage() -> None:
    clear = below("slow_minutes", 150.0, 5.0)
    world = World(playbook(when=above("slow_minutes", 200.0), clear_when=clear))
    world.tick(3, slow_minutes=412.0)
    world.until("returning", slow_minutes=50.0)
    world.tick(59)
    assert world.share("primary") == 0.1
    world.tick()
    assert world.share("primary") == 0.5


def test_a_stage_no_router_takes_is_told_to_a_person() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("returning", p95=50.0, degraded=0.0)
    world.adopting = False
    world.tick(60)
    (page,) = world.pages()
    assert "after 10 s not every live router holds the plan of this stage" in page
    world.adopting = True
    world.until("recovered")


def test_a_return_that_a_person_froze_says_that_it_waits() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("returning", p95=50.0, degraded=0.0)
    world.command("freeze", "all")
    world.tick(60)
    assert "may not return more now: all is frozen by ada" in world.sentences("blocked")[-1]


def test_what_goes_with_a_route_stays_until_the_last_stage() -> None:
    moves = (Move(ROUTE), Move(Freeze("promotions", 3_600.0)), Move(Shed(0.2)))
    world = World(playbook(rungs=(moves,)))
    world.tick(3, p95=412.0)
    world.until("returning", p95=50.0)
    assert (world.plan.shed_share, world.plan.frozen) == (0.2, ("promotions",))
    world.until("holding", p95=412.0)
    assert (world.share("primary"), world.plan.shed_share) == (0.0, 0.2)
    world.until("recovered", p95=50.0)
    assert (world.plan.shed_share, world.plan.frozen) == (0.0, ())


def test_a_move_no_router_takes_grows_no_more_and_a_person_is_told() -> None:
    world = World(playbook(rungs=((verified(TO_CHALLENGER, "keep"),),)))
    world.tick(4, p95=412.0, degraded=0.3, challenger_bad=0.0)
    world.tick(10)
    world.adopting = False
    world.tick(200)
    assert world.share("challenger") == 0.5
    (page,) = world.pages()
    assert "not adopted: after 10 s the routers hold unknown" in page


def test_an_undo_that_is_refused_is_told_to_a_person() -> None:
    world = World(playbook(rungs=((verified(ROUTE, "undo"),),)))
    world.tick(60, p95=412.0, degraded=0.3)
    (page,) = world.pages()
    assert "failed, not seen within 30 s" in page
    assert "undo is refused, because `when` still holds" in page


def test_nothing_is_moved_to_an_arm_that_is_dead_itself() -> None:
    world = World(playbook(rungs=((verified(TO_CHALLENGER),),)))
    world.tick(60, p95=412.0, degraded=0.3, challenger_bad=1.0)
    assert world.share("challenger") == 0.0
    (page,) = world.pages()
    assert "100 % of the attempts at challenger are bad" in page


def test_the_next_rung_takes_the_place_of_a_move_that_got_stuck() -> None:
    rungs = ((verified(TO_CHALLENGER),), (verified(ROUTE),))
    world = World(playbook(rungs=rungs))
    world.tick(4, p95=412.0, degraded=0.3, challenger_bad=0.0)
    world.tick(60, challenger_bad=0.3)
    assert {name: arm.share for name, arm in world.plan.arms.items()} == {
        "primary": 0.0,
        "fallback": 1.0,
        "challenger": 0.0,
    }


def test_what_a_person_thaws_may_return() -> None:
    world = World(playbook(cooldown_s=1.0), settings=with_settings(oscillation_limit=2))
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("returning", p95=50.0, degraded=0.0)
    world.until("frozen", p95=412.0)
    world.command("thaw", "slow-primary")
    world.until("recovered", p95=50.0)


def test_who_joins_tells_its_people_too() -> None:
    first = playbook("first", excludes=("routing",), priority=60)
    second = playbook("second", rungs=((Move(ROUTE), notify("look at it")),), priority=40)
    world = World(first, second)
    world.tick(3, p95=412.0, degraded=0.3)
    assert "joined" in world.phases
    assert [work.arguments["message"] for work in world.wanted("notify")] == ["look at it"]


def test_who_only_tells_never_joins() -> None:
    first = playbook("first", excludes=("second",), priority=60)
    second = playbook("second", rungs=((notify("look at it"),),), priority=40)
    world = World(first, second)
    world.tick(3, p95=412.0, degraded=0.3)
    assert "joined" not in world.phases
    assert "blocked" in world.phases


def test_draining_again_beyond_head_room_is_told_to_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = SignalKey("request_rate_per_s", (), 0.0)
    monkeypatch.setitem(SIGNALS, "users", users)  # type: ignore[arg-type]
    arms = {**SETTINGS.arms, "challenger": ArmSettings("als-0", 0.0, capacity_per_s=100.0)}
    book = playbook(rungs=((Move(TO_CHALLENGER),),))
    world = World(book, settings=replace(SETTINGS, arms=arms))
    world.tick(3, p95=412.0, users=50.0)
    world.until("returning", p95=50.0)
    world.until("holding", p95=412.0, users=90.0)
    assert world.share("challenger") == 1.0
    (page,) = world.pages()
    assert "it drains again, though challenger will be 90 % utilized" in page


def approved(world: World, *approvals: str) -> None:
    for id_ in approvals:
        world.command("approve", id_)


def test_an_approval_does_not_lift_an_exclusion() -> None:
    mine = playbook("mine", autonomy=Autonomy.APPROVE, excludes=("routing",))
    other = playbook(
        "other", above("errors", 0.1), ((Move(ELSEWHERE),),), below("errors", 0.01, 5.0)
    )
    world = World(mine, other)
    world.tick(5, p95=412.0)
    world.tick(3, errors=0.5)
    approved(world, world.state.approvals[0].id)
    assert (
        "refused: other-7-3 is acting and they exclude each other"
        in (world.sentences("operator")[-1])
    )
    assert world.share("primary") == 1.0


def test_an_approval_does_not_lift_the_budget_of_the_service() -> None:
    limits = Limits(actions=Rate(1, 3600.0))
    other = playbook(
        "other", above("errors", 0.1), ((Move(ELSEWHERE),),), below("errors", 0.01, 5.0)
    )
    world = World(
        playbook("mine", autonomy=Autonomy.APPROVE),
        other,
        settings=replace(SETTINGS, limits=limits),
    )
    world.tick(5, p95=412.0)
    world.tick(3, errors=0.5)
    approved(world, world.state.approvals[0].id)
    assert "refused: the service has spent 1 of 1 actions" in world.sentences("operator")[-1]


def test_an_approval_comes_too_late_when_its_reason_is_gone() -> None:
    world = World(playbook(autonomy=Autonomy.APPROVE))
    world.tick(5, p95=412.0)
    world.tick(600, p95=160.0)
    approved(world, world.state.approvals[0].id)
    said = world.sentences("operator")[-1]
    assert "its `when` is not met now" in said
    assert "is 160 ms, not above 200 ms" in said
    world.tick(p95=412.0)
    approved(world, world.state.approvals[0].id)
    assert world.share("primary") == 0.0
    assert next(r for r in world.records if r.phase == "acting").conditions


def test_an_arm_that_leaves_the_settings_hands_its_traffic_to_the_fallback() -> None:
    world = World(playbook(rungs=((Move(TO_CHALLENGER),),)))
    world.tick(60, p95=412.0, challenger_bad=0.0)
    assert world.share("challenger") == 1.0
    arms = {name: arm for name, arm in SETTINGS.arms.items() if name != "challenger"}
    world.load(playbook(), settings=replace(SETTINGS, arms=arms))
    world.tick(2)
    assert {name: arm.share for name, arm in world.plan.arms.items()} == {
        "primary": 0.0,
        "fallback": 1.0,
    }
    assert "routes to fallback, since there is no arm challenger now" in world.pages()[0]

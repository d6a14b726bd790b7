"""Cooldown, budget, exclusion, freeze, no_data and oscillation: refusals with sentences."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from controller.core.playbook import Freeze, Move, NoData, Playbook, Shed
from controller.core.state import state_to_document
from tests.core.worlds import (
    RETRAIN,
    ROUTE,
    World,
    above,
    below,
    both,
    notify,
    playbook,
    verified,
    with_settings,
)


def heal(world: World) -> None:
    """One whole incident."""
    world.until("acting", p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    world.until("recovered", p95=50.0)


def test_a_second_incident_waits_for_the_cooldown() -> None:
    world = World(playbook(cooldown_s=120.0))
    heal(world)
    acted_at_s = 1_003.0
    world.until("blocked", p95=412.0)
    assert "its cooldown is 2 min" in world.sentences("blocked")[0]
    world.until("acting")
    assert world.at_s - acted_at_s == 120.0


def test_a_refusal_is_recorded_when_it_changes_not_every_tick() -> None:
    world = World(playbook(cooldown_s=120.0))
    heal(world)
    for _ in range(4):
        world.tick(5, p95=412.0)
        world.tick(2, p95=50.0)
    assert world.phases.count("blocked") == 1


def test_the_budget_is_rolling_and_survives_a_restart() -> None:
    book = playbook(cooldown_s=0.0, budget_count=2, budget_per_s=600.0)
    world = World(book, through_json=True)
    heal(world)
    heal(world)
    world.tick(5, p95=412.0)
    assert "2 of 2 actions in 10 min are spent" in world.sentences("blocked")[0]
    again = restarted(world, book)
    again.tick(20, p95=412.0)
    assert again.phases == ["elected"], "the same refusal is not recorded again"
    again.until("acting", limit=700)
    assert again.at_s - 1_003.0 == 600.0


def restarted(world: World, *books: Playbook) -> World:
    again = World(*books, settings=world.settings, elect=False)
    again.at_s = world.at_s
    again.elect(epoch=world.state.epoch + 1, state=state_to_document(world.state))
    return again


def test_the_cooldown_survives_a_restart() -> None:
    book = playbook(cooldown_s=300.0)
    world = World(book)
    heal(world)
    again = restarted(world, book)
    again.tick(30, p95=412.0)
    assert again.phases == ["elected", "blocked"]


def test_the_higher_priority_goes_first_and_names_who_lost() -> None:
    low = playbook("low", excludes=("routing",), priority=10, rungs=((verified(Shed(0.1)),),))
    high = playbook("high", excludes=(), priority=90)
    world = World(low, high)
    world.tick(3, p95=412.0, degraded=0.3)
    (acting,) = [record for record in world.records if record.phase == "acting"]
    assert acting.playbook == "high"
    assert [loser.playbook for loser in acting.losers] == ["low"]
    assert world.plan.shed_share == 0.0


def test_a_freeze_by_a_person_stops_new_incidents_until_thawed() -> None:
    world = World(playbook())
    world.command("freeze", "slow-primary")
    world.tick(5, p95=412.0)
    assert world.plan.frozen == ("slow-primary",)
    assert "frozen by ada" in world.sentences("blocked")[0]
    world.command("thaw", "slow-primary")
    assert world.share("primary") == 0.0, "thawed and acted in one tick"


def test_a_freeze_keeps_an_open_incident_where_it_is() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    world.command("freeze", "all")
    world.tick(30, p95=50.0)
    assert world.share("primary") == 0.0
    assert world.phases.count("blocked") == 1
    world.command("thaw", "all")
    world.until("recovered")


def test_a_playbook_may_freeze_others_for_a_time() -> None:
    freezer = playbook("careful", rungs=((Move(Freeze("slow-primary", 30.0)),),), priority=90)
    world = World(freezer, playbook())
    world.tick(4, p95=412.0)
    assert world.plan.frozen == ("slow-primary",)
    assert "frozen by careful-" in world.sentences("blocked")[0]
    world.until("thawed")
    assert world.plan.frozen == ()
    assert "slow-primary" in [each.playbook.name for each in world.state.incidents]


def test_unknown_counts_as_met_only_for_protective_actions() -> None:
    book = playbook(no_data=NoData.ACT, rungs=((Move(ROUTE), Move(RETRAIN), notify()),))
    world = World(book)
    world.tick(3, p95="down")
    assert world.share("primary") == 0.0
    assert world.wanted("retrain") == []
    assert len(world.wanted("notify")) == 1
    assert "left out: retrains primary" in world.sentences("acting")[0]


def test_a_rung_without_a_protective_action_is_refused_on_unknown() -> None:
    world = World(playbook(no_data=NoData.ACT, rungs=((Move(RETRAIN),),)))
    world.tick(10, p95="down")
    assert "unknown only moves protective actions" in world.sentences("blocked")[0]
    assert world.state.incidents == ()


@pytest.mark.parametrize("state", ["insufficient", "stale", "down", "idle", "missing"])
def test_nothing_but_ok_ever_acts_where_no_data_is_hold(state: str) -> None:
    world = World(playbook())
    world.tick(100, p95=state)
    assert world.phases == ["elected"]


def test_escalate_pages_once_per_silence() -> None:
    world = World(playbook(no_data=NoData.ESCALATE))
    world.tick(100, p95="stale")
    assert world.phases == ["elected", "no_data"]
    assert len(world.pages()) == 1
    world.tick(p95=50.0)
    world.tick(100, p95="stale")
    assert world.phases.count("no_data") == 2


def test_an_open_incident_that_cannot_see_pages_too() -> None:
    world = World(playbook(no_data=NoData.ESCALATE))
    world.tick(3, p95=412.0, degraded=0.3)
    world.tick(60, p95="stale", degraded=0.0)
    assert world.phases.count("no_data") == 2, "`when` after 7 s, `clear_when` after 10 s"


def test_an_arm_that_does_not_exist_is_refused_in_words() -> None:
    lost = replace(ROUTE, target="gone")
    world = World(playbook(rungs=((Move(lost),),)))
    world.tick(20, p95=412.0)
    assert "there is no arm 'gone'" in world.sentences("blocked")[0]
    assert world.phases.count("blocked") == 1


def test_a_playbook_that_does_nothing_is_refused_in_words() -> None:
    world = World(playbook(rungs=()))
    world.tick(20, p95=412.0)
    assert world.sentences("blocked") == ["slow-primary may not act now: the playbook does nothing"]


def noisy(world: World, seconds: int) -> None:
    for _ in range(seconds // 20):
        world.tick(8, p95=412.0)
        world.tick(12, p95=50.0)


def route_flips(world: World) -> int:
    drained = [plan.arms["primary"].share < 1.0 for plan in world.plans]
    return sum(one != other for one, other in pairwise(drained))


def fidgety() -> World:
    staged = Move(replace(ROUTE, every_s=1.0))
    book = playbook(cooldown_s=0.0, rungs=((staged,),), clear_when=below("p95", 150.0, 1.0))
    return World(book, settings=with_settings(oscillation_limit=4))


def test_back_and_forth_beyond_the_limit_freezes_the_playbook_and_pages() -> None:
    world = fidgety()
    noisy(world, 1_200)
    assert world.phases.count("frozen") == 1
    assert len(world.pages()) == 1
    assert route_flips(world) <= 5
    assert world.share("primary") == 0.0, "frozen on the safe side"


def test_a_drain_beyond_the_limit_is_carried_out_and_then_frozen() -> None:
    world = World(playbook(cooldown_s=0.0), settings=with_settings(oscillation_limit=2))
    heal(world)
    world.until("acting", p95=412.0)
    assert world.phases[-1] == "frozen"
    assert world.share("primary") == 0.0


def test_after_the_noise_it_returns_and_a_real_fault_is_still_healed() -> None:
    world = fidgety()
    noisy(world, 600)
    world.until("thawed", limit=4_000, p95=50.0)
    world.until("recovered")
    world.until("acting", p95=412.0)
    assert world.share("primary") == 0.0


def test_the_next_rung_needs_budget_too() -> None:
    rungs = ((verified(ROUTE, "next"),), (Move(Shed(0.2)),))
    world = World(playbook(rungs=rungs, budget_count=1))
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("escalated")
    assert "are spent" in world.sentences("escalated")[0]
    assert world.plan.shed_share == 0.0


def test_drift_and_latency_together_are_needed_where_the_playbook_says_all() -> None:
    world = World(playbook(when=both(above("p95", 200.0, 2.0), above("shifted", 0.5))))
    world.tick(10, p95=412.0)
    assert world.phases == ["elected"]
    world.tick(shifted=1.0)
    assert world.phases[-1] == "acting"

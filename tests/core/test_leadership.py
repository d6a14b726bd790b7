"""Elections and fates: what a leader keeps, and when it stops being one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.core.facts import Elected, Fate
from controller.core.settings import ArmSettings
from controller.core.state import state_from_document, state_to_document
from controller.core.step import initial_state, step
from tests.core.worlds import (
    SETTINGS,
    World,
    above,
    below,
    playbook,
    with_settings,
)


def stored(world: World) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(state_to_document(world.state)))
    return document


def successor(world: World, *books: Any, at_s: float | None = None) -> World:
    again = World(*books, settings=world.settings, elect=False)
    again.at_s = at_s if at_s is not None else world.at_s
    again.elect(epoch=world.state.epoch + 1, state=stored(world))
    return again


def test_the_first_election_seeds_the_baseline_and_publishes() -> None:
    world = World()
    assert world.phases == ["elected"]
    assert (world.plan.epoch, world.plan.revision) == (7, 1)
    assert {name: arm.version for name, arm in world.plan.arms.items()} == {
        "primary": "als-1",
        "fallback": "pop-1",
        "challenger": "als-0",
    }


def test_without_an_election_nothing_is_ever_recorded() -> None:
    world = World(playbook(), elect=False)
    world.tick(20, p95=412.0)
    assert world.records == []


def test_an_election_before_anything_is_loaded_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="before Loaded"):
        step(initial_state(), Elected(1, 1.0, 7, "here", None, "head"))


@pytest.mark.parametrize("fate", ["refused", "behind", "unreachable"])
def test_a_leader_whose_commit_did_not_happen_resigns_and_emits_nothing(fate: str) -> None:
    world = World(playbook())
    world.fate = fate
    world.tick(3, p95=412.0)
    count = len(world.records)
    assert not world.state.leading
    assert world.state.config is not None
    assert world.state.incidents == ()
    world.tick(50, p95=412.0)
    world.command("override", "primary=0")
    assert len(world.records) == count


def test_a_resigned_leader_may_be_elected_again_with_the_stored_state() -> None:
    world = World(playbook())
    before = stored(world)
    world.fate = "unreachable"
    world.tick(3, p95=412.0)
    world.fate = "published"
    world.elect(epoch=8, state=before)
    world.tick(3)
    assert world.phases[-1] == "acting"
    assert (world.plan.epoch, world.plan.revision) == (8, 3)


def test_while_a_commit_is_in_flight_ticks_only_move_timers() -> None:
    world = World(playbook(), playbook("other", when=above("errors", 0.1, 2.0)))
    world.answering = False
    world.tick(3, p95=412.0)
    count = len(world.records)
    world.tick(5, errors=0.5)
    assert len(world.records) == count
    world.answering = True
    world.feed(Fate(99, world.at_s, "published", "head"))
    world.tick()
    assert [r.playbook for r in world.records if r.phase == "acting"] == ["slow-primary", "other"]


def test_a_dry_run_goes_on_as_if_and_marks_its_records() -> None:
    world = World(playbook(), fate="not_published")
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding")
    assert [record.enforced for record in world.records][1:] == [False] * (len(world.records) - 1)
    assert "unproven" in world.sentences("holding")[0]
    world.until("recovered", p95=50.0)


def test_an_open_incident_is_verified_again_by_the_next_leader() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    world.tick(2, degraded=0.0)
    assert world.incident.phase == "verifying"
    again = successor(world, playbook())
    assert again.incident.phase == "acting"
    again._signals.update(p95=412.0, degraded=0.0)
    again.until("holding")
    assert again.incident.acted_epoch == 8
    assert again.share("primary") == 0.0


def test_the_next_leader_repeats_no_action() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    again = successor(world, playbook())
    again.tick(10, p95=412.0, degraded=0.0)
    assert "opened" not in again.phases
    assert again.share("primary") == 0.0


def test_a_return_stage_starts_again_after_an_election() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    world.until("returning", p95=50.0)
    world.tick(4)
    again = successor(world, playbook())
    assert again.share("primary") == 0.1
    assert again.until("returning") == 6, "counted from the first tick of the new leader"


def test_an_open_incident_finishes_under_the_text_it_opened_with() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    stricter = playbook(clear_when=below("p95", 1.0, 5.0))
    again = successor(world, stricter)
    again.until("recovered", p95=50.0, degraded=0.0)
    assert again.share("primary") == 1.0


def test_a_playbook_that_is_unloaded_still_finishes_what_it_opened() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.3)
    world.load()
    world.until("recovered", p95=50.0, degraded=0.0)


def test_the_revision_never_goes_back() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0)
    again = successor(world, playbook())
    assert again.plan.revision > world.plan.revision


def test_settings_seed_once_and_a_later_change_applies() -> None:
    world = World()
    world.load(settings=with_settings(control_share=0.05, cache_ttl_s=5.0))
    world.tick()
    assert world.phases[-1] == "configured"
    assert (world.plan.control_share, world.plan.cache_ttl_s) == (0.05, 5.0)


def test_a_changed_setting_does_not_undo_a_promotion() -> None:
    world = World()
    world.command("promote", "als-2:primary")
    arms = {**SETTINGS.arms, "primary": ArmSettings("als-9", 1.0, deadline_ms=80.0)}
    world.load(settings=with_settings(arms=arms))
    world.tick()
    assert world.plan.arms["primary"].version == "als-2"
    assert world.plan.arms["primary"].deadline_ms == 80.0
    assert world.plan.arms["holdback"].version == "als-1"


def test_a_changed_version_applies_where_nobody_promoted() -> None:
    world = World()
    arms = {**SETTINGS.arms, "primary": ArmSettings("als-9", 1.0)}
    world.load(settings=with_settings(arms=arms))
    world.tick()
    assert world.plan.arms["primary"].version == "als-9"


def test_settings_changed_between_leaders_apply_with_the_election() -> None:
    world = World()
    arms = {**SETTINGS.arms, "extra": ArmSettings("x-1", 0.0)}
    world.settings = with_settings(arms=arms)
    again = successor(world)
    assert again.phases == ["elected", "configured"]
    assert again.plan.arms["extra"].version == "x-1"


def test_a_state_of_an_unknown_format_is_refused() -> None:
    world = World()
    with pytest.raises(ValueError, match="format 99"):
        state_from_document({**stored(world), "format": 99})

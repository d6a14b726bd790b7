"""Operator commands: one record that names the id, also when it is refused."""

from __future__ import annotations

import pytest

from controller.core.playbook import Freeze, Move
from controller.core.records import Record
from tests.core.worlds import World, playbook


def answer(world: World, verb: str, target: str, **more: object) -> Record:
    records = world.command(verb, target, **more).records  # type: ignore[arg-type]
    return next(record for record in records if record.command_id is not None)


def test_an_override_wins_over_an_incident_until_it_is_released() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0)
    record = answer(world, "override", "primary=0.5,fallback=0.5", id_="o1")
    assert record.command_id == "o1"
    assert world.share("primary") == 0.5
    assert world.plan.owners["arms.primary.share"] == "o1"
    answer(world, "release", "o1")
    assert world.share("primary") == 0.0


def test_under_an_override_the_log_does_not_say_that_traffic_came_back() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0)
    world.tick(10)
    answer(world, "override", "primary=0,fallback=1", id_="o1")
    world.until("recovered", p95=50.0)
    said = world.records[-1].sentence
    assert "a person's override o1 decides the shares" in said
    assert "all traffic is back" not in said
    assert world.share("primary") == 0.0


def test_what_an_override_does_not_name_goes_to_the_fallback() -> None:
    world = World()
    answer(world, "override", "primary=0.25")
    assert (world.share("primary"), world.share("fallback")) == (0.25, 0.75)


def test_an_arm_that_is_given_twice_is_refused() -> None:
    world = World()
    record = answer(world, "override", "primary=0.5,primary=0.9")
    assert record.details["accepted"] is False
    assert "'primary' is given twice" in record.sentence
    assert world.share("primary") == 1.0


def test_the_newest_override_has_the_last_word() -> None:
    world = World()
    answer(world, "override", "primary=0.25")
    answer(world, "override", "primary=0.75")
    assert world.share("primary") == 0.75


def test_a_person_thaws_what_an_open_incident_froze() -> None:
    world = World(playbook(rungs=((Move(Freeze("promotions")),),)))
    world.tick(3, p95=412.0)
    assert "promotions" in world.plan.frozen
    record = answer(world, "thaw", "promotions")
    assert "is thawed, against slow-primary" in record.sentence
    assert "promotions" not in world.plan.frozen
    world.tick(3, p95=412.0)
    assert "promotions" not in world.plan.frozen


REFUSED = {
    "unknown arm": ("override", "gone=1", "'gone' is not an arm"),
    "no share": ("override", "primary", "is not ARM=SHARE"),
    "share above one": ("override", "primary=2", "is not ARM=SHARE"),
    "not a number": ("override", "primary=nan", "is not ARM=SHARE"),
    "sum": ("override", "primary=0.5,fallback=0.1", "sum to 0.6"),
    "unknown verb": ("explode", "now", "the verbs are approve"),
    "unknown override": ("release", "o9", "no such override"),
    "unknown freeze": ("freeze", "the-moon", "what can be frozen is all, promotions, slow"),
    "not frozen": ("thaw", "all", "'all' is not frozen"),
    "unknown approval": ("approve", "a1", "no such approval"),
    "unknown rejection": ("reject", "a1", "no such approval"),
    "unknown incident": ("acknowledge", "i1", "no such open incident"),
    "promote without arm": ("promote", "als-2", "VERSION:ARM"),
    "promote into nowhere": ("promote", "als-2:gone", "'gone' is not an arm"),
    "promote what serves": ("promote", "als-1:primary", "primary already serves als-1"),
}


@pytest.mark.parametrize(("verb", "target", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_a_command_that_cannot_be_done_is_refused_with_a_reason(
    verb: str, target: str, why: str
) -> None:
    world = World(playbook())
    before = world.plan
    record = answer(world, verb, target)
    assert why in record.sentence
    assert record.details["accepted"] is False
    assert world.plan.arms == before.arms


def test_a_repeated_command_is_obeyed_once() -> None:
    world = World()
    answer(world, "override", "primary=0.25", id_="o1")
    assert world.command("override", "primary=0.25", id_="o1").records == ()
    assert len(world.state.overrides) == 1


def test_an_expired_command_is_refused() -> None:
    world = World()
    record = answer(world, "override", "primary=0", expires_s=0.5)
    assert "expired" in record.sentence
    assert world.share("primary") == 1.0


def test_commands_are_ignored_by_a_controller_that_does_not_lead() -> None:
    world = World(elect=False)
    assert world.command("override", "primary=0").records == ()
    assert world.state.inbox == ()


def test_a_command_that_comes_while_a_commit_is_in_flight_waits() -> None:
    from controller.core.facts import Fate

    world = World(playbook())
    world.answering = False
    world.tick(3, p95=412.0)
    assert world.state.in_flight
    assert world.command("override", "primary=0.5", id_="o1").records == ()
    world.answering = True
    world.feed(Fate(99, world.at_s, "published", "head"))
    records = world.tick().records
    assert "o1" in [record.command_id for record in records]


def test_processed_command_ids_are_bounded() -> None:
    world = World()
    for number in range(300):
        world.command("thaw", "all", id_=f"c{number}")
    assert len(world.state.commands) == 256
    assert world.state.commands[-1] == "c299"

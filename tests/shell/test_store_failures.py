"""What becomes of leadership when the store loses a reply, its data, or itself."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from controller.ports import Stored
from controller.shell.router_heads import PlanHead
from controller.shell.starting_point import FromStore, LeadNot, RefillFirst, choose
from controller.shell.verify import verify

World = Any


def once(world: World) -> None:
    count = Counter(world.phases())
    assert count["opened"] == count["acting"] == count["recovered"] == 1
    assert verify(world.log(), world.plan()["head"]).is_whole


def test_a_lost_reply_of_a_commit_repeats_nothing(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=6)
    world.store.lose_next_reply = True
    world.run(shell, until_s=8)
    assert Counter(world.phases())["acting"] == 1
    world.run(shell, until_s=46)
    once(world)
    assert Counter(world.phases())["elected"] == 2


def test_without_a_store_nobody_leads_and_observing_goes_on(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=4)
    world.store.down = True
    world.run(shell, until_s=14)
    assert not shell.leads
    assert shell.standing.role == "no store"
    world.store.down = False
    world.run(shell, until_s=50)
    assert world.share() == 1.0


def test_a_short_absence_of_the_store_costs_no_election(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=4)
    world.store.down = True
    world.run(shell, until_s=6)
    world.store.down = False
    world.run(shell, until_s=10)
    assert world.phases().count("elected") == 1


def test_a_store_that_comes_back_empty_is_refilled_and_nothing_is_repeated(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=10)
    before = world.log()
    world.store.wipe()
    world.run(shell, until_s=12)
    assert world.log()[: len(before)] == before
    world.run(shell, until_s=46)
    once(world)


def test_a_store_that_comes_back_behind_gets_the_lost_records_back(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=6)
    lines, stored = world.log(), world.store.load()
    world.run(shell, until_s=10)
    before = world.log()
    assert len(before) > len(lines)
    world.store.wipe()
    assert world.store.refill(lines, stored)
    world.run(shell, until_s=46)
    assert world.log()[: len(before)] == before
    once(world)


def test_an_empty_store_is_refilled_by_a_standby_that_followed(world: World) -> None:
    first, second = world.controller("one", "a"), world.controller("two", "b")
    world.run(first, second, until_s=10)
    before = world.log()
    world.store.wipe()  # and the leader is gone with it
    world.run(second, until_s=46)
    assert second.leads
    assert world.log()[: len(before)] == before
    once(world)


def test_nobody_leads_from_the_settings_while_a_router_holds_a_plan(world: World) -> None:
    shell = world.controller(name="fresh")
    for second in range(1, 9):
        world.router_reports(1_764_000_100, 7, "f" * 64)
        world.run(shell, until_s=second)
    assert not shell.leads
    assert shell.standing.pages
    assert "routers hold plan" in shell.standing.sentence
    assert world.log() == []


def test_nobody_leads_from_a_copy_that_is_older_than_what_routers_obey(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=4)
    epoch = world.plan()["epoch"]
    world.store.wipe()
    for second in range(5, 9):
        world.router_reports(epoch, 99, "f" * 64)
        world.run(shell, until_s=second)
    assert not shell.leads
    assert shell.standing.pages


def test_a_router_that_has_gone_silent_holds_nobody_up(world: World) -> None:
    shell = world.controller(name="fresh")
    world.router_reports(1_764_000_100, 7, "f" * 64)
    world.run(shell, until_s=12)
    assert shell.leads


def test_an_empty_store_is_not_believed_while_the_bus_is_gone(world: World) -> None:
    world.bus.down = True
    shell = world.controller()
    world.run(shell, until_s=8)
    assert not shell.leads
    world.bus.down = False
    world.run(shell, until_s=12)
    assert shell.leads


def test_a_paused_old_leader_neither_appends_nor_publishes(world: World) -> None:
    old, new = world.controller("old", "a"), world.controller("new", "b")
    world.run(old, until_s=6)
    assert old.leads
    world.run(new, until_s=16)  # the old one is paused meanwhile and its lease ends
    assert new.leads
    log, plan = world.log(), world.plan()
    assert old.term is not None
    committed = old.term.take(_elsewhere(old.term))
    assert committed is not None
    assert committed.fate == "refused"
    assert (world.log(), world.plan()) == (log, plan)


def _elsewhere(term: Any) -> Any:
    """A command as a paused leader may find it on waking."""
    from controller.core.facts import Operator, Tick

    at_s = term.state.at_s
    term.take(Operator(term.next_seq(), at_s, "late", "bob", "freeze", "all", at_s + 60.0))
    return Tick(term.next_seq(), at_s + 1.0, {})


def test_an_old_leader_that_wakes_resigns_at_its_next_tick(world: World) -> None:
    old, new = world.controller("old", "a"), world.controller("new", "b")
    world.run(old, until_s=6)
    world.run(new, until_s=16)
    log = world.log()
    old.run_tick()
    assert not old.leads
    assert old.standing.role == "standby"
    assert world.log() == log
    world.run(old, new, until_s=46)
    once(world)


def test_of_two_candidates_one_leads(world: World) -> None:
    one, two = world.controller("one", "a"), world.controller("two", "b")
    world.run(one, two, until_s=8)
    assert [one.leads, two.leads].count(True) == 1
    assert world.phases().count("elected") == 1


def test_epochs_only_grow(world: World) -> None:
    for number in range(4):
        shell = world.controller(f"holder-{number}")
        world.run(shell, until_s=6 * (number + 1))
        shell.close()
    epochs = [record["epoch"] for record in world.records() if record["phase"] == "elected"]
    assert len(epochs) == 4
    assert epochs == sorted(set(epochs))


def test_a_state_of_another_format_is_not_led_from(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=4)
    shell.close()
    stored = world.store.load()
    state = json.dumps({**json.loads(stored.state), "format": 99}).encode()
    world.store._stored = Stored(stored.head, stored.plan, state, stored.epoch, stored.revision)
    other = world.controller("two", "b")
    world.run(other, until_s=10)
    assert not other.leads
    assert other.standing.pages
    assert "format 99" in other.standing.sentence


def at(epoch: int, revision: int, head: str = "a") -> Stored:
    return Stored(head * 64, b"{}", b"{}", epoch, revision)


@pytest.mark.parametrize(
    ("store", "copy", "routers", "heard", "expected"),
    [
        pytest.param(None, None, None, True, FromStore, id="nothing anywhere: from settings"),
        pytest.param(None, None, None, False, LeadNot, id="nothing yet, but not listened"),
        pytest.param(at(5, 2), None, None, False, FromStore, id="a store without routers"),
        pytest.param(at(5, 3), at(5, 2), PlanHead(5, 2, "x"), True, FromStore, id="store newest"),
        pytest.param(None, at(5, 2), None, False, RefillFirst, id="copy only"),
        pytest.param(at(5, 1), at(5, 2), PlanHead(5, 2, "a" * 64), True, RefillFirst, id="behind"),
        pytest.param(at(5, 1), at(5, 1), PlanHead(5, 2, "a" * 64), True, LeadNot, id="both behind"),
        pytest.param(at(5, 2), None, PlanHead(5, 2, "b" * 64), True, LeadNot, id="another log"),
        pytest.param(None, None, PlanHead(5, 2, "b" * 64), True, LeadNot, id="only routers know"),
    ],
)
def test_from_what_a_term_may_start(
    store: Stored | None,
    copy: Stored | None,
    routers: PlanHead | None,
    heard: bool,
    expected: type,
) -> None:
    assert isinstance(choose(store, copy, routers, heard), expected)

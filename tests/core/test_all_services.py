"""One cap on all services: the judge asks, acts a tick later, or says what is spent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from controller.adapters.cap_ledger import CapLedger
from controller.core.facts import Fact, Tick
from controller.core.limits import Cap, Limits, Rate
from controller.core.playbook import Autonomy, Route
from controller.core.records import record_to_document
from controller.core.state import state_to_document
from controller.core.step import Stepped, initial_state, step
from controller.shell.allowances import answers
from tests.core.worlds import SETTINGS, World, above, below, notify, playbook, verified

ASKING = "asking what all services together (everyone) have left"
TO_CHALLENGER = Route("primary", "challenger", 1.0, returns=(1.0,), every_s=5.0)


def capped(count: int = 1, per_s: float = 600.0) -> Any:
    return replace(SETTINGS, limits=Limits(all_services=Cap("everyone", Rate(count, per_s))))


class Capped(World):
    """A world whose shell asks a ledger that other services may draw on too."""

    def __init__(self, *playbooks: Any, heard: bool = True, **more: Any) -> None:
        self.caps = CapLedger()
        self.heard = heard
        super().__init__(*playbooks, **{"settings": capped(), **more})

    def feed(self, fact: Fact) -> Stepped:
        if isinstance(fact, Tick) and self.heard:
            for allowance in answers(self.state, fact.at_s, self._next, self._reserve):
                super().feed(allowance)
        return super().feed(fact)

    def another_service_acts(self) -> bool:
        return self.caps.reserve("everyone", "b", str(self.at_s), 1, 1, 600.0, self.at_s).granted

    def _reserve(self, *asked: Any) -> Any:
        return self.caps.reserve(*asked, self.at_s)


def blocked(world: World) -> list[str]:
    return world.sentences("blocked")


def test_without_a_cap_nobody_is_asked() -> None:
    world = World(playbook())
    world.until("acting", p95=412.0)
    assert (blocked(world), world.state.asked) == ([], ())


def test_it_asks_and_acts_one_tick_later() -> None:
    free, asking = World(playbook()), Capped(playbook())
    at_once = free.until("acting", p95=412.0)
    assert asking.until("acting", p95=412.0) == at_once + 1
    assert blocked(asking) == [f"slow-primary may not act now: {ASKING}"]
    assert asking.pages() == []
    assert asking.state.asked == (), "what was granted is used up"
    assert asking.state.allowance is not None
    assert asking.state.allowance.used == 1


def test_a_spent_cap_is_said_and_paged_once_and_asked_again_when_it_is_free() -> None:
    world = Capped(playbook())
    assert world.another_service_acts()
    world.tick(300, p95=412.0)
    assert "acting" not in world.phases
    assert blocked(world)[1:] == [
        "slow-primary may not act now: all services together (everyone) have spent 1 of 1 actions "
        "in 10 min; next free in 9.93 min"
    ]
    assert len(world.pages()) == 1
    assert sum(type(fact).__name__ == "Allowance" for fact in world.facts) == 1
    world.until("acting", limit=310)
    assert world.at_s == 1_601.0


def test_who_comes_first_when_it_is_free_again_spends_it_and_nobody_is_paged_twice() -> None:
    world = Capped(playbook())
    assert world.another_service_acts()
    world.tick(598, p95=412.0)
    world.at_s += 2.0
    assert world.another_service_acts()
    world.tick(500)
    assert "acting" not in world.phases
    assert len(world.pages()) == 1
    world.until("acting", limit=110)


def test_a_store_that_does_not_say_holds_the_action_back_and_pages() -> None:
    world = Capped(playbook(), heard=False)
    world.tick(20, p95=412.0)
    assert "acting" not in world.phases
    assert "the store has not said for 10 s" in blocked(world)[-1]
    assert len(world.pages()) == 1
    world.heard = True
    world.until("acting", limit=2)


def test_a_grant_that_nobody_uses_is_dropped() -> None:
    world = Capped(playbook())
    while not world.state.asked:
        world.tick(p95=412.0)
    world.tick(29, p95=50.0)
    assert world.state.asked[0].answer is not None
    world.tick(2)
    assert world.state.asked == ()
    world.tick(10, p95=412.0)
    assert "acting" not in world.phases, "it stays spent in the store"


def test_telling_people_and_their_own_override_cost_nothing() -> None:
    world = Capped(playbook("tells", above("errors", 0.1), rungs=((notify(),),)))
    assert world.another_service_acts()
    world.until("acting", errors=0.5)
    world.command("override", "primary=0,fallback=1")
    assert world.share() == 0.0


def test_what_a_person_approves_and_what_is_only_suggested_asks_nobody() -> None:
    for autonomy in (Autonomy.APPROVE, Autonomy.SUGGEST, Autonomy.SHADOW):
        world = Capped(playbook(autonomy=autonomy))
        world.tick(10, p95=412.0)
        assert not any(type(fact).__name__ == "Allowance" for fact in world.facts)


def test_a_rung_that_needs_more_than_the_cap_never_asks() -> None:
    two = ((verified(Route("primary", "fallback", 1.0)), verified(TO_CHALLENGER)),)
    world = Capped(playbook(rungs=two))
    world.tick(10, p95=412.0)
    assert "needs 2 actions, all services together have 1 in 10 min" in blocked(world)[0]
    assert world.state.asked == ()


def test_of_two_that_exclude_each_other_only_the_first_asks_and_the_other_joins() -> None:
    slow = playbook("slow", excludes=("routing",), priority=60)
    failing = playbook("failing", above("errors", 0.1), excludes=("routing",))
    world = Capped(slow, failing, settings=capped(count=2))
    world.tick(2, p95=412.0)
    world.tick(errors=0.5)
    assert "failing may not act now: slow asks all services first" in blocked(world)[-1]
    world.until("joined")
    assert world.state.allowance is not None
    assert world.state.allowance.used == 1


def two_rungs() -> Any:
    first = verified(TO_CHALLENGER, expect=below("degraded", 0.01))
    return playbook(rungs=((first,), (verified(Route("primary", "fallback", 1.0)),)))


def test_the_next_rung_waits_for_the_word_without_counting_its_failure_twice() -> None:
    world = Capped(two_rungs(), settings=capped(count=2))
    world.until("acting", p95=412.0, degraded=0.3)
    world.until("failed")
    assert f"the next rung waits: {ASKING}" in blocked(world)[-1]
    assert world.incident.rung == 1
    assert world.state.ledgers[0].outcomes["failed"] == 1


def test_the_next_rung_goes_to_a_person_when_all_is_spent() -> None:
    world = Capped(two_rungs(), settings=capped(count=1))
    world.until("acting", p95=412.0, degraded=0.3)
    world.until("escalated")
    assert "may not act: all services together (everyone) have spent 1 of 1" in world.pages()[-1]
    assert world.state.ledgers[0].outcomes["failed"] == 1


def test_a_new_leader_asks_by_the_same_key_so_nothing_is_spent_twice() -> None:
    world = Capped(playbook(), through_json=True)
    while not world.state.asked:
        world.tick(p95=412.0)
    stored = state_to_document(world.state)
    world.tick()
    assert "acting" in world.phases
    again = Capped(playbook(), elect=False)
    again.caps, again.at_s = world.caps, world.at_s
    again.elect(epoch=8, state=stored)
    again.until("acting", p95=412.0)


def test_the_same_facts_give_the_same_bytes() -> None:
    world = Capped(two_rungs(), settings=capped(count=2), through_json=True)
    world.tick(60, p95=412.0, degraded=0.3)
    state, found = initial_state(), []
    for fact in world.facts:
        stepped = step(state, fact)
        state = stepped.state
        found += stepped.records
    as_text = [json.dumps(record_to_document(each)) for each in found]
    assert as_text == [json.dumps(record_to_document(each)) for each in world.records]
    assert state == world.state

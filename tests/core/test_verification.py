"""Adoption and expectation: what counts as helped, and what follows when it is not."""

from __future__ import annotations

import pytest

from controller.core.playbook import Move, Shed
from tests.core.worlds import ROUTE, World, above, below, both, notify, playbook, verified


def acting(*rungs: tuple[Move, ...], **more: object) -> World:
    """A world one tick after the primary's breach was acted on."""
    world = World(playbook(rungs=rungs or ((verified(ROUTE),),), **more), through_json=True)
    world.tick(3, p95=412.0, degraded=0.3)
    assert world.incident.phase == "acting"
    return world


def test_nothing_is_verified_before_every_router_holds_the_plan() -> None:
    world = acting()
    world.adopting = False
    world.tick(5, degraded=0.0)
    assert world.incident.phase == "acting"
    world.adopting = True
    world.tick()
    assert world.incident.phase == "verifying"


def test_not_adopted_in_time_is_an_outcome_of_its_own() -> None:
    world = acting((verified(ROUTE, "next"),), (Move(Shed(0.2)),))
    world.adopting = False
    assert world.until("failed") == 10
    assert "not adopted" in world.sentences("failed")[0]
    assert world.plan.shed_share == 0.2
    assert world.share("primary") == 0.0, "the first rung stays"


def test_windows_that_start_before_adoption_do_not_count() -> None:
    world = acting()
    world.tick(5, degraded=0.0)
    assert world.incident.phase == "verifying"
    world.tick()
    assert world.incident.phase == "holding"


def test_the_expectation_counts_from_adoption_and_then_fails() -> None:
    world = acting((verified(ROUTE, "keep"),))
    world.tick()
    assert world.until("holding") == 31
    assert "failed, not seen within 30 s" in world.sentences("holding")[0]
    assert world.share("primary") == 0.0


def test_an_unknown_reading_never_verifies() -> None:
    world = acting((verified(ROUTE, "keep"),))
    world.tick(20, degraded="insufficient")
    assert world.incident.phase == "verifying"


def test_an_expectation_that_was_met_before_acting_ends_as_unproven() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0, degraded=0.0)
    world.until("holding")
    assert "unproven" in world.sentences("holding")[0]
    assert world.state.ledgers[0].outcomes == {"fired": 1, "unproven": 1}


def test_else_next_goes_to_the_next_rung_and_keeps_the_first() -> None:
    world = acting((verified(ROUTE, "next"),), (verified(Shed(0.2), "next"),))
    world.until("failed")
    assert world.phases[-2:] == ["failed", "acting"]
    assert (world.share("primary"), world.plan.shed_share) == (0.0, 0.2)


def test_after_the_last_rung_comes_a_person_and_the_claims_stay() -> None:
    world = acting()
    world.until("escalated")
    assert world.incident.phase == "escalated"
    assert world.share("primary") == 0.0
    assert any("needs a person" in message for message in world.pages())
    world.until("recovered", p95=50.0)
    assert world.share("primary") == 1.0


def test_undo_into_an_arm_that_still_breaches_is_refused() -> None:
    world = acting((verified(ROUTE, "undo"),))
    world.until("holding")
    assert "undo is refused" in world.sentences("holding")[0]
    assert world.share("primary") == 0.0


@pytest.mark.parametrize("state", ["stale", "idle", "down", "insufficient"])
def test_undo_into_an_arm_nobody_sees_is_refused(state: str) -> None:
    world = acting((verified(ROUTE, "undo"),))
    world.until("holding", p95=state)
    assert "undo is refused" in world.sentences("holding")[0]


def test_undo_returns_the_traffic_in_stages() -> None:
    world = acting((verified(ROUTE, "undo"),))
    world.until("returning", p95=180.0)
    assert world.share("primary") == 0.1
    world.until("recovered")
    assert world.share("primary") == 1.0


def test_a_rung_that_only_wants_work_has_nothing_to_adopt() -> None:
    world = World(playbook(rungs=((notify(),),)))
    world.adopting = False
    world.tick(4, p95=412.0)
    assert world.incident.phase == "holding"


def test_several_expectations_pass_one_by_one() -> None:
    wants_both = verified(ROUTE, "keep", both(below("degraded", 0.01), below("errors", 0.1)))
    world = acting((wants_both, verified(Shed(0.1), "keep", below("errors", 0.1))))
    world.tick(8, degraded=0.3, errors=0.0)
    outcomes = [each.outcome for each in world.incident.expectations]
    assert outcomes == ["pending", "unproven"]
    world.until("holding", degraded=0.0)


def test_expect_may_have_a_span_of_its_own() -> None:
    world = acting((verified(ROUTE, "keep", below("degraded", 0.01, 3.0)),))
    world.tick(degraded=0.0)
    assert world.until("holding") == 5 + 3


def test_a_breach_seen_only_by_errors_is_as_good_as_any() -> None:
    world = World(playbook(when=above("errors", 0.2, 1.0)))
    world.tick(2, errors=0.5)
    assert world.share("primary") == 0.0

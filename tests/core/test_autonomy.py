"""How far a playbook may go by itself: shadow, suggest, approve."""

from __future__ import annotations

from controller.core.playbook import Autonomy
from tests.core.worlds import World, playbook


def breached(autonomy: Autonomy, **more: object) -> World:
    world = World(playbook(autonomy=autonomy, **more))
    world.tick(3, p95=412.0, degraded=0.3)
    return world


def test_shadow_writes_down_what_it_would_have_done_and_changes_nothing() -> None:
    world = breached(Autonomy.SHADOW)
    assert world.share("primary") == 1.0
    assert (
        "would have acted (shadow): routes 100 % of primary to fallback"
        in (world.sentences("shadowed")[0])
    )
    shadowed = [record for record in world.records if record.incident is not None]
    assert [record.enforced for record in shadowed] == [False, False]
    assert world.pages() == []
    world.until("recovered", p95=50.0)


def test_suggest_tells_a_person_and_changes_nothing() -> None:
    world = breached(Autonomy.SUGGEST)
    assert world.share("primary") == 1.0
    assert world.pages() == ["slow-primary suggests: routes 100 % of primary to fallback"]


def test_approve_acts_only_after_a_person_said_so() -> None:
    world = breached(Autonomy.APPROVE)
    world.tick(20)
    assert world.share("primary") == 1.0
    (approval,) = world.state.approvals
    assert approval.id == f"{world.incident.id}-act"
    world.command("approve", approval.id)
    assert world.share("primary") == 0.0
    assert world.state.approvals == ()
    world.until("recovered", p95=50.0, degraded=0.0)


def test_a_rejected_incident_waits_for_its_end_and_does_not_ask_again() -> None:
    world = breached(Autonomy.APPROVE)
    world.command("reject", world.state.approvals[0].id)
    world.tick(100)
    assert world.phases.count("asked") == 1
    assert world.share("primary") == 1.0
    world.until("recovered", p95=50.0)


def test_an_approval_expires_and_asks_again_only_after_its_cooldown() -> None:
    world = breached(Autonomy.APPROVE, cooldown_s=4_000.0)
    assert world.until("expired", limit=4_000) == 3_600
    assert world.state.approvals == ()
    assert world.until("asked", limit=1_000) == 400


def test_an_incident_that_clears_before_anybody_answers_is_over() -> None:
    world = breached(Autonomy.APPROVE)
    world.until("recovered", p95=50.0)
    assert world.state.approvals == ()
    refused = world.command("approve", "slow-primary-7-2-act").records[0]
    assert "there is no such approval" in refused.sentence


def test_a_shadow_incident_excludes_nobody() -> None:
    shadow = playbook("shadow", autonomy=Autonomy.SHADOW, priority=90, excludes=("routing",))
    world = World(shadow, playbook("real", excludes=("routing",)))
    world.tick(3, p95=412.0, degraded=0.3)
    assert world.share("primary") == 0.0

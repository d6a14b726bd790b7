"""Work is wanted until done or expired; a candidate is served only by a person's approval."""

from __future__ import annotations

from controller.core.playbook import Evaluate, Move, Promote, Revert
from tests.core.worlds import RETRAIN, ROUTE, World, playbook, verified


def wanting() -> World:
    world = World(playbook(rungs=((verified(ROUTE), Move(RETRAIN)),)), through_json=True)
    world.tick(3, p95=412.0, degraded=0.3)
    return world


def test_work_survives_its_incident() -> None:
    world = wanting()
    world.until("recovered", p95=50.0, degraded=0.0)
    assert len(world.wanted("retrain")) == 1


def test_a_retrained_candidate_asks_a_person_and_serves_nothing() -> None:
    world = wanting()
    work_id = world.wanted("retrain")[0].id
    world.work_done(work_id, version="als-2")
    assert world.wanted("retrain") == []
    assert world.plan.arms["primary"].version == "als-1"
    (approval,) = world.state.approvals
    assert (approval.id, approval.version, approval.arm) == (
        f"{work_id}-promote",
        "als-2",
        "primary",
    )
    assert any("asks to promote als-2 into primary" in page for page in world.pages())


def test_an_approved_candidate_is_promoted_and_the_old_one_held_back() -> None:
    world = wanting()
    world.work_done(world.wanted("retrain")[0].id, version="als-2")
    world.command("approve", world.state.approvals[0].id)
    assert world.plan.arms["primary"].version == "als-2"
    assert world.plan.arms["holdback"].version == "als-1"
    assert world.plan.arms["holdback"].share == 0.0
    assert "holdback" not in world.plan.probe_per_s
    assert "als-2 is promoted into primary by ada" in world.sentences("promoted")[0]
    assert world.plan.owners["arms.primary.version"] == "promotion by ada"


def test_a_result_is_taken_once_however_often_it_is_repeated() -> None:
    world = wanting()
    work_id = world.wanted("retrain")[0].id
    world.work_done(work_id, version="als-2")
    assert world.work_done(work_id, version="als-2").records == ()
    assert world.phases.count("work") == 1


def test_failed_work_is_said_and_pages() -> None:
    world = wanting()
    world.work_done(world.wanted("retrain")[0].id, status="failed")
    assert "is failed" in world.sentences("work")[0]
    assert world.state.approvals == ()
    assert any("retrain" in page for page in world.pages())


def test_done_without_a_version_promotes_nothing() -> None:
    world = wanting()
    world.work_done(world.wanted("retrain")[0].id)
    assert "nothing to promote: no version is named" in world.sentences("work")[0]


def test_work_nobody_does_runs_out() -> None:
    world = wanting()
    world.tick(after_s=6 * 3600.0)
    assert world.wanted("retrain") == []
    assert "ran out" in world.sentences("work")[0]


def test_a_failing_page_does_not_page() -> None:
    world = World(playbook(rungs=((verified(ROUTE),),)))
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("escalated")
    page = world.wanted("notify")[0]
    world.work_done(page.id, status="failed")
    assert world.wanted("notify") == []


def test_a_person_may_promote_directly_and_that_answers_the_open_request() -> None:
    world = wanting()
    world.work_done(world.wanted("retrain")[0].id, version="als-2")
    world.command("promote", "als-2:primary")
    assert world.plan.arms["primary"].version == "als-2"
    assert world.state.approvals == ()


def test_nothing_is_promoted_while_promotions_are_frozen() -> None:
    world = World()
    world.command("freeze", "promotions")
    record = world.command("promote", "als-2:primary").records[0]
    assert "promotions is frozen by ada" in record.sentence
    assert world.plan.arms["primary"].version == "als-1"


def test_a_promotion_request_expires() -> None:
    world = wanting()
    world.work_done(world.wanted("retrain")[0].id, version="als-2")
    world.tick(after_s=3_700.0)
    assert world.state.approvals == ()
    assert "nobody approved it in time" in world.sentences("lapsed")[0]


def test_playbooks_that_promote_or_evaluate_ask_a_person() -> None:
    asks = (Move(Promote("als-2", "primary")), Move(Evaluate("primary", "als-3")))
    for move in asks:
        world = World(playbook(rungs=((move,),)))
        world.tick(3, p95=412.0)
        assert world.plan.arms["primary"].version == "als-1"
        world.command("approve", world.state.approvals[0].id)
        assert world.plan.arms["primary"].version in ("als-2", "als-3")


def test_promoting_an_arm_swaps_the_baseline_shares_and_the_control_share() -> None:
    world = World(playbook(rungs=((Move(Promote(arm="fallback")),),)))
    world.tick(3, p95=412.0)
    world.command("approve", world.state.approvals[0].id)
    assert (world.share("primary"), world.share("fallback")) == (0.0, 1.0)
    assert world.plan.control_arm == "primary"


def test_reverting_pops_the_history_and_bars_the_version() -> None:
    world = World(playbook(rungs=((Move(Revert("primary")),),)))
    world.command("promote", "als-2:primary")
    world.tick(3, p95=412.0)
    world.command("approve", world.state.approvals[0].id)
    assert world.plan.arms["primary"].version == "als-1"
    assert "holdback" not in world.plan.arms
    assert "barred" in world.command("promote", "als-2:primary").records[0].sentence


def test_a_revert_without_a_promotion_is_left_out_in_words() -> None:
    world = World(playbook(rungs=((Move(Revert("primary")),),)))
    world.tick(3, p95=412.0)
    assert "there is no promotion to revert" in world.sentences("acting")[0]

"""Log and plan change together, in order, and every plan can be obeyed and has its owners."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.invariants.story import Story


def test_a_healthy_story_breaks_nothing(run: Any) -> None:
    name = run.open()
    run.step()
    run.recover(name)
    run.step()
    run.finish()
    assert run.broken == []


def test_a_plan_without_its_record_is_seen(run: Any) -> None:
    run.step((), run.published(shed_share=0.0, salt=7))
    assert "changes-are-recorded" in run.names


def test_a_record_without_its_plan_is_seen(run: Any) -> None:
    run.step(run.seal(run.record("blocked")))
    assert "changes-are-recorded" in run.names


def test_a_record_that_was_changed_afterwards_is_seen(run: Any) -> None:
    lines = run.seal(run.record("blocked", sentence="slow"))
    forged = tuple(line.replace(b'"slow"', b'"fast"') for line in lines)
    run.step(forged, run.published())
    assert run.names == {"changes-are-recorded"}


def test_a_record_left_out_of_the_chain_is_seen(run: Any) -> None:
    run.seal(run.record("blocked"))
    run.commit(run.record("blocked"))
    assert "changes-are-recorded" in run.names


def test_a_line_that_is_no_record_is_seen(run: Any) -> None:
    lines = run.seal(run.record("blocked"))
    run.step((*lines, b"{torn"), run.published())
    assert run.names == {"changes-are-recorded"}


def test_a_plan_of_another_revision_than_its_record_is_seen(run: Any) -> None:
    run.commit(run.record("blocked"), revision=9)
    assert "changes-are-recorded" in run.names


@pytest.mark.parametrize(
    "changes",
    [
        {"control_share": 1.5},
        {"shed_share": -0.1},
        {"control_arm": "nobody"},
        {"request_deadline_ms": 0.0},
        {"probe_per_s": {"fallback": -1.0}},
        {"splits": [{"where": {"platform": "ios"}, "shares": {"primary": 0.5}}]},
    ],
)
def test_a_plan_nobody_could_obey_is_seen(run: Any, changes: dict[str, Any]) -> None:
    run.commit(run.record("blocked"), **changes)
    assert "shares-sum-to-one" in run.names


def test_shares_that_do_not_sum_to_one_are_seen(run: Any) -> None:
    arms = run.published()["arms"]
    arms["primary"]["share"] = 0.9
    run.commit(run.record("blocked"), arms=arms)
    assert "shares-sum-to-one" in run.names


def test_an_epoch_that_falls_is_seen(run: Any) -> None:
    run.epoch -= 1
    run.commit(run.record("elected"))
    assert run.names == {"epochs-only-rise"}


def test_a_new_epoch_goes_on_with_the_revisions(run: Any) -> None:
    run.epoch += 1
    run.commit(run.record("elected"))
    run.step()
    assert run.broken == []


def test_a_router_that_goes_back_is_seen(run: Any) -> None:
    run.step()
    held = run.routers[0]
    run.commit(run.record("blocked"))
    run.step()
    run.routers = (held,)
    run.step()
    assert run.names == {"epochs-only-rise"}


def test_a_router_that_holds_what_was_never_published_is_seen(run: Any) -> None:
    run.routers = ((run.epoch, 1, "f" * 64),)
    run.step()
    assert run.names == {"epochs-only-rise"}


def test_a_router_that_never_takes_the_last_plan_is_seen_at_the_end(run: Any) -> None:
    run.step()
    for _ in range(12):
        run.step()
    run.routers = ((0, 0, "0" * 64),)
    assert {each.invariant for each in run.finish()} == {"epochs-only-rise"}


def test_a_field_without_an_owner_is_seen(run: Any) -> None:
    owners = run.published()["owners"]
    del owners["arms.primary.share"]
    run.commit(run.record("blocked"), owners=owners)
    assert run.names == {"fields-have-owners"}


def test_a_field_nobody_has_heard_of_needs_an_owner_too(run: Any) -> None:
    run.commit(run.record("blocked"), batch_size=4)
    assert run.names == {"fields-have-owners"}


def test_an_owner_no_record_knows_is_seen(run: Any) -> None:
    owners = {**run.published()["owners"], "cache_ttl_s": "slow-1-1"}
    run.commit(run.record("blocked"), owners=owners)
    assert run.names == {"fields-have-owners"}


def test_a_person_who_promoted_may_own_a_version(run: Any) -> None:
    owners = {**run.published()["owners"], "arms.primary.version": "promotion by ann"}
    run.commit(run.record("promoted", details={"who": "ann"}), owners=owners)
    assert run.broken == []
    owners = {**owners, "arms.primary.version": "promotion by bob"}
    run.commit(run.record("blocked"), owners=owners)
    assert run.names == {"fields-have-owners"}


def test_work_that_never_ends_is_seen(run: Any) -> None:
    work = {"id": "w", "owner": "slow", "decided_at_s": 5.0, "expires_at_s": 5.0}
    run.commit(run.record("blocked"), wanted=[work])
    assert run.names == {"nothing-is-wanted-forever"}


def test_a_record_that_says_why_leaves_the_incident_where_it_stood() -> None:
    story = Story()
    record = {
        "claims_after": [],
        "epoch": 7,
        "revision": 2,
        "hash": "ab",
        "incident": "slow-primary-7-2",
        "playbook": "slow-primary",
        "details": {},
    }
    story.tell({**record, "phase": "asked", "at_s": 5.0})
    story.tell({**record, "phase": "explained", "at_s": 6.0})
    incident = story.incidents["slow-primary-7-2"]
    assert (incident.phase, incident.last_s) == ("asked", 5.0)

"""Requests are conserved, users get slates, the frozen stays frozen, and the service recovers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulator.invariants.step import Requests

AVAILABLE_LOST = 0.999


@pytest.mark.parametrize(
    "requests",
    [
        Requests(101, 100, 0, 100),
        Requests(100, 100, 0, 101),
        Requests(100, 101, 0, 100),
        Requests(10, 10, 0, 10),
    ],
)
def test_a_request_lost_or_invented_is_seen(run: Any, requests: Requests) -> None:
    run.step()
    run.more_come = False
    run.requests = requests
    run.step()
    assert run.names == {"requests-are-conserved"}


def test_requests_in_flight_are_neither_lost_nor_answered(run: Any) -> None:
    run.step()
    run.more_come = False
    run.requests = Requests(100, 90, 10, 90)
    run.step()
    assert run.broken == []


def test_an_answer_that_is_never_written_is_seen_after_a_while(run: Any) -> None:
    run.step()
    run.more_come = False
    run.requests = Requests(200, 200, 0, 199)
    for _ in range(5):
        assert run.step() == []
    run.step()
    run.step()
    assert run.names == {"requests-are-conserved"}


def test_rows_that_are_written_a_little_later_are_fine(run: Any) -> None:
    run.step()
    for second in range(1, 30):
        arrived = 200 + 40 * second
        run.more_come = False
        run.requests = Requests(arrived, arrived, 0, arrived - 80)
        run.step()
    assert run.broken == []


def test_a_user_without_a_slate_is_seen_once_per_time(run: Any) -> None:
    [key] = [key for key in run.readings if key.name == "availability"]
    run.read(key, AVAILABLE_LOST)
    assert [each.invariant for each in run.step()] == ["users-get-slates"]
    assert run.step() == []


def test_an_availability_nobody_knows_is_no_breach(run: Any) -> None:
    [key] = [key for key in run.readings if key.name == "availability"]
    run.read(key, None, "down")
    assert run.step() == []


def test_what_is_frozen_opens_nothing(run: Any) -> None:
    run.commit(run.record("frozen"), frozen=["slow"])
    name = run.incident()
    from_slow = [key for key in run.readings if key.name.startswith("arm_latency")]
    run.read(from_slow[0], 400.0)
    opened = run.record("opened", incident=name, conditions=[run.seen()])
    run.commit(opened, frozen=["slow"])
    assert run.names == {"frozen-stays-frozen"}


def test_what_is_frozen_thaws_by_a_record_only(run: Any) -> None:
    run.commit(run.record("frozen"), frozen=["slow"])
    run.commit(run.record("thawed"))
    assert run.broken == []
    run.commit(run.record("frozen"), frozen=["slow"])
    run.commit(run.record("blocked"))
    assert run.names == {"frozen-stays-frozen"}


def test_nothing_is_promoted_while_promotions_are_frozen(run: Any) -> None:
    run.commit(run.record("frozen"), frozen=["promotions"])
    run.commit(run.record("promoted", details={"who": "ann"}), frozen=["promotions"])
    assert run.names == {"frozen-stays-frozen"}


def test_a_second_incident_of_one_matter_is_seen(run: Any) -> None:
    run.open()
    run.at_s += 100.0
    run.open()
    assert run.names == {"one-incident-per-matter"}


def test_an_incident_that_stands_still_is_seen_at_the_end(run: Any) -> None:
    run.open()
    run.step()
    run.at_s += 100.0
    assert run.finish() == []
    run.at_s += 1_000.0
    assert [each.invariant for each in run.finish()] == ["recovers-after-faults"]


def test_an_incident_that_waits_for_a_person_may_stay(run: Any) -> None:
    name = run.open()
    run.commit(run.record("escalated", incident=name))
    run.step()
    run.at_s += 10_000.0
    assert run.finish() == []


def test_work_nobody_takes_back_is_seen_at_the_end(run: Any) -> None:
    work = {"id": "w", "owner": "slow", "decided_at_s": 5.0, "expires_at_s": run.at_s + 60.0}
    run.commit(run.record("blocked"), wanted=[work])
    run.step()
    assert run.finish() == []
    run.at_s += 1_000.0
    assert [each.invariant for each in run.finish()] == ["nothing-is-wanted-forever"]


def test_counts_may_stand_still(run: Any) -> None:
    run.step()
    run.requests = replace(run.requests)
    assert run.invariants.check(run.now(())) == []

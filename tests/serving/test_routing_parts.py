"""Deadline, admission, probes, table, identity and verdicts, each on its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from controller.core.plan import ArmPlan, Plan
from controller.telemetry.schema import SKIPPED_BY_BREAKER
from serving.routing.admission import AdmissionLimits, Load, has_room_for_probes, shed_reason
from serving.routing.deadline import Budget, requested_deadline_ms
from serving.routing.identity import hash_session, hash_user, partition_of, request_id
from serving.routing.probes import ProbeSchedule, TokenBucket, probe_rates
from serving.routing.table import Override, RouteTable, override_fault
from serving.routing.verdict import breaker_reason, is_degraded, request_outcome

PLAN = Plan(
    service="s",
    epoch=0,
    revision=0,
    head="",
    at_s=0.0,
    arms={"primary": ArmPlan("latest", 1.0), "fallback": ArmPlan("latest", 0.0)},
)


@hypothesis_settings(max_examples=80)
@given(st.floats(0.0, 1.0), st.floats(1.0, 1_000.0), st.floats(1.0, 1_000.0))
def test_an_attempt_never_outlives_the_request(
    waited_s: float, deadline_ms: float, arm_deadline_ms: float
) -> None:
    budget = Budget(10.0, deadline_ms)
    attempt_ms = budget.attempt_ms(10.0 + waited_s, arm_deadline_ms)
    assert 0.0 <= attempt_ms <= arm_deadline_ms
    assert attempt_ms <= max(0.0, budget.left_ms(10.0 + waited_s))


@pytest.mark.parametrize(
    ("header", "expected_ms"),
    [(None, 200.0), ("50", 50.0), ("soon", 200.0), ("-1", 200.0), ("nan", 200.0), ("1e9", 60_000)],
)
def test_a_senseless_deadline_header_is_not_obeyed(header: str | None, expected_ms: float) -> None:
    assert requested_deadline_ms(header, 200.0) == expected_ms


def test_admission_names_the_limit_that_was_reached() -> None:
    limits = AdmissionLimits(in_flight=4, loop_lag_ms=30.0)
    assert shed_reason(limits, Load(3, 5.0), 0.0, 1) is None
    assert shed_reason(limits, Load(4, 5.0), 0.0, 1) == "in_flight"
    assert shed_reason(limits, Load(0, 31.0), 0.0, 1) == "loop_lag"
    assert shed_reason(limits, Load(0, 0.0), 1.0, 1) == "plan"


def test_a_planned_shed_takes_its_share_and_ignores_the_draw() -> None:
    limits = AdmissionLimits(in_flight=4, loop_lag_ms=30.0)
    shed = sum(shed_reason(limits, Load(0, 0.0), 0.25, unit) is not None for unit in range(8_000))
    assert shed / 8_000 == pytest.approx(0.25, abs=0.03)


def test_probes_are_dropped_long_before_requests() -> None:
    limits = AdmissionLimits(in_flight=10, loop_lag_ms=30.0)
    assert has_room_for_probes(limits, Load(4, 0.0))
    assert not has_room_for_probes(limits, Load(5, 0.0))
    assert shed_reason(limits, Load(5, 0.0), 0.0, 1) is None


@hypothesis_settings(max_examples=40)
@given(
    st.floats(0.5, 50.0), st.lists(st.floats(0.0, 0.5), min_size=1, max_size=200), st.integers(1, 4)
)
def test_a_bucket_never_lets_through_more_than_rate_and_burst(
    rate: float, gaps_s: list[float], burst: int
) -> None:
    bucket, now_s, taken = TokenBucket(rate, burst), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        taken += bucket.take(now_s)
    assert taken <= rate * now_s + burst


def test_routers_divide_the_rate_of_the_service() -> None:
    def probes(routers: int) -> int:
        schedule = ProbeSchedule()
        return sum(
            len(schedule.due(tick * 0.01, {"primary": 10.0}, routers)) for tick in range(1_000)
        )

    assert probes(1) == pytest.approx(100, abs=2)
    assert probes(2) == pytest.approx(50, abs=2)


def test_an_open_breaker_is_probed_though_the_plan_asks_for_none() -> None:
    assert probe_rates({}, frozenset({"primary"}), 5.0) == {"primary": 5.0}
    assert probe_rates({"primary": 20.0}, frozenset({"primary"}), 5.0) == {"primary": 20.0}


def test_the_table_refuses_what_is_not_newer() -> None:
    table = RouteTable(PLAN)
    newer = replace(PLAN, epoch=5, revision=2)
    assert table.offer(newer)
    assert not table.offer(replace(PLAN, epoch=5, revision=2, salt=1))
    assert not table.offer(replace(PLAN, epoch=4, revision=9))
    assert not table.offer(replace(PLAN, epoch=9, service="another"))
    assert table.held is newer
    assert table.offer(replace(PLAN, epoch=6, revision=0))


def test_an_override_wins_over_every_plan_until_it_expires() -> None:
    table = RouteTable(PLAN)
    table.set_override(Override({"fallback": 1.0}, "ann", expires_at_s=100.0))
    table.offer(replace(PLAN, epoch=1))
    assert table.effective(99.0).arms["fallback"].share == 1.0
    assert table.effective(99.0).arms["primary"].share == 0.0
    assert table.held.arms["primary"].share == 1.0
    assert table.effective(100.0).arms["primary"].share == 1.0


def test_an_override_of_unknown_arms_or_odd_sums_is_named() -> None:
    assert "unknown arm 'nope'" in str(override_fault(Override({"nope": 1.0}, "a", 1.0), PLAN))
    assert "sum to 1" in str(override_fault(Override({"primary": 0.5}, "a", 1.0), PLAN))
    assert override_fault(Override({"primary": 1.0}, "a", 1.0), PLAN) is None


def test_hashes_depend_on_the_key_and_on_what_is_named() -> None:
    assert hash_user(b"k" * 32, "7") == hash_user(b"k" * 32, "7")
    assert hash_user(b"k" * 32, "7") != hash_user(b"K" * 32, "7")
    assert hash_user(b"k" * 32, "7") != hash_session(b"k" * 32, "7")
    assert 0 <= hash_user(b"k" * 200, "7") < 2**64


def test_the_reason_monitors_look_for_is_the_one_routers_give() -> None:
    assert breaker_reason(False) == breaker_reason(None) == SKIPPED_BY_BREAKER
    assert breaker_reason(True) != SKIPPED_BY_BREAKER


def test_a_request_id_begins_with_its_partition() -> None:
    assert partition_of(request_id(513, bytes(14))) == 513
    with pytest.raises(ValueError, match="14 random bytes"):
        request_id(0, bytes(3))


def test_degraded_is_another_arm_the_last_resort_or_late() -> None:
    assert not is_degraded(drawn="primary", served_by="primary", outcome="ok")
    assert is_degraded(drawn="primary", served_by="fallback", outcome="ok")
    assert is_degraded(drawn="primary", served_by="primary", outcome="late")
    assert is_degraded(drawn=None, served_by="fallback", outcome="shed")
    assert request_outcome(shed=True, latency_ms=1.0, deadline_ms=200.0) == "shed"
    assert request_outcome(shed=False, latency_ms=201.0, deadline_ms=200.0) == "late"

"""The world hands out seconds: nobody is lost, cuts change nothing before them, stepwise agrees."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controller.core.plan import Plan
from controller.ports import GENESIS, Message
from controller.settings import Settings
from controller.telemetry.batches import TelemetryBatch, decode, encode_arrow
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import FEATURE, MODEL, REPLICA, SERVED
from simulator.spec import MONDAY_S, ArmModel, Traffic, Users, WorldSpec
from simulator.world.conditions import ArmConditions, Conditions, InputShift
from simulator.world.delivery import Delivery
from simulator.world.user_rows import users_in
from simulator.world.world import World

SETTINGS = Settings()
SPEC = WorldSpec(
    traffic=Traffic(rate_per_s=30.0),
    users=Users(users=200, items=200, ctr=0.2, double_share=0.2, loss_share=0.1),
)
HEALTHY = Conditions()
US = 1_000_000
PLAN = SETTINGS.baseline_plan(GENESIS)


def world(
    phases: Mapping[float, Conditions] | None = None,
    *,
    settings: Settings = SETTINGS,
    spec: WorldSpec = SPEC,
    stepwise: bool = False,
    seed: int = 3,
) -> World:
    """``phases``: conditions by the second from which they hold."""
    by_us = {round(at_s * US): held for at_s, held in (phases or {}).items()}

    def conditions(at_us: int) -> Conditions:
        return next((by_us[t] for t in sorted(by_us, reverse=True) if t <= at_us), HEALTHY)

    plan = settings.baseline_plan(GENESIS)
    return World(settings, spec, seed, conditions, sorted(by_us), (), plan, stepwise=stepwise)


def revised(revision: int, primary: float, **changes: Any) -> Plan:
    arms = {
        "primary": replace(PLAN.arms["primary"], share=primary),
        "fallback": replace(PLAN.arms["fallback"], share=1.0 - primary),
    }
    return replace(PLAN, epoch=1, revision=revision, head=f"{revision:064d}", arms=arms, **changes)


def run(
    of: World, seconds: int, acts: Mapping[int, Callable[[World], Any]] | None = None
) -> list[Delivery]:
    """``acts``: what is done after a second was handed out."""
    told: list[Delivery] = []
    for second in range(1, seconds + 1):
        told += of.second(second)
        if acts and second in acts:
            acts[second](of)
    return told


def rows(deliveries: Sequence[Delivery], topic: str) -> list[dict[str, Any]]:
    return [row for d in deliveries if d.topic == topic for row in d.batch.to_pylist()]


def same(one: Sequence[Delivery], other: Sequence[Delivery]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.topic, a.partition, a.headers, a.deliver_at_s) == (
            b.topic,
            b.partition,
            b.headers,
            b.deliver_at_s,
        )
        assert a.batch.schema.equals(b.batch.schema)
        assert a.batch.equals(b.batch), a.topic


BUSY = {
    7.3: Conditions(arms={"primary": ArmConditions(delay_ms=150.0, delay_share=0.7)}),
    19.0: Conditions(
        arms={"primary": ArmConditions(error_share=0.4)}, null_share={"user_recent": 0.3}
    ),
    31.0: Conditions(frozen_groups=frozenset({"item_hour"}), cache_is_gone=True),
    45.5: Conditions(shifts=(InputShift(45.5, 10.0, 2.0),), clicks_are_lost=True),
    70.0: HEALTHY,
}
ACTS: dict[int, Callable[[World], Any]] = {
    9: lambda w: w.adopt(revised(1, 0.5, probe_per_s={"primary": 5.0}), 9_505_000),
    14: lambda w: w.adopt(revised(2, 0.0, probe_per_s={"primary": 5.0}), 14_710_001),
    22: lambda w: w.add_model("primary-2", "primary", 22_300_000),
    40: lambda w: w.adopt(revised(3, 0.9), 40_000_000),
    50: lambda w: w.prewarm("primary", 50_300_000),
    61: lambda w: w.adopt(revised(4, 1.0, shed_share=0.2), 61_999_999),
}


@pytest.mark.parametrize("routers", [1, 2])
def test_stepwise_and_default_tell_the_same(routers: int) -> None:
    settings = Settings(partitions=2) if routers == 2 else SETTINGS
    spec = replace(SPEC, routers=routers)
    quick = world(BUSY, settings=settings, spec=spec)
    slow = world(BUSY, settings=settings, spec=spec, stepwise=True)
    same(run(quick, 80, ACTS), run(slow, 80, ACTS))
    assert quick.counts == slow.counts


@pytest.mark.parametrize("routers", [1, 2])
def test_every_visit_is_one_served_row_and_is_answered(routers: int) -> None:
    of = world(BUSY, spec=replace(SPEC, routers=routers))
    told = run(of, 130, ACTS)
    users = [row for row in rows(told, SERVED) if row["role"] == "user"]
    counts = of.counts
    assert len(users) == len({row["request_id"] for row in users}) == counts.arrived > 3_000
    assert counts.arrived == counts.answered == len(of.exchanges())
    assert any(row["role"] == "probe" for row in rows(told, SERVED))
    assert all(len(row["slate"]) == SETTINGS.slate_size for row in users)
    for row in users:
        assert len({shown["item_id"] for shown in row["slate"]}) == SETTINGS.slate_size


def test_rows_of_a_second_are_of_that_second() -> None:
    of = world()
    for second in range(1, 63):
        for delivery in of.second(second):
            assert delivery.deliver_at_s == MONDAY_S + second + 0.25
            if delivery.topic == SERVED:
                at_s = delivery.batch.column("at_s").to_numpy()
                assert np.all((at_s >= MONDAY_S + second - 1) & (at_s < MONDAY_S + second))
                assert np.all(np.diff(at_s) >= 0)


def test_a_plan_change_changes_nothing_before_it() -> None:
    calm, cut = world(), world()
    before = run(calm, 30), run(cut, 30)
    same(*before)
    assert cut.adopt(revised(1, 0.0), 30_505_000)
    one, other = rows(calm.second(31), SERVED), rows(cut.second(31), SERVED)
    border_s = MONDAY_S + 30.55
    assert [r for r in one if r["at_s"] < border_s] == [r for r in other if r["at_s"] < border_s]
    after = [row for row in other if row["at_s"] >= border_s]
    assert after
    assert {row["plan_revision"] for row in after} == {1}
    assert {row["arm"] for row in after} == {"fallback"}
    assert {row["plan_revision"] for row in other if row["at_s"] < border_s} == {0}


def test_a_plan_that_changes_nothing_changes_only_its_stamp() -> None:
    calm, cut = world(), world()
    run(calm, 30), run(cut, 30)
    stamped = replace(PLAN, epoch=1, revision=1)
    assert cut.adopt(stamped, 30_505_000)
    one, other = run_on(calm, 31, 90), run_on(cut, 31, 90)
    for row in (*one, *other):
        del row["plan_revision"], row["plan_epoch"]
    assert one == other


def run_on(of: World, first: int, last: int) -> list[dict[str, Any]]:
    return [row for s in range(first, last + 1) for row in rows(of.second(s), SERVED)]


def test_conditions_that_change_later_change_no_byte_before() -> None:
    late = {50.0: Conditions(arms={"primary": ArmConditions(delay_ms=500.0, click_factor=0.1)})}
    one, other = world(), world(late)
    same(run(one, 50), run(other, 50))
    assert run_on(one, 51, 60) != run_on(other, 51, 60)


def test_routers_refuse_older_plans_and_plans_nobody_can_route_by() -> None:
    of = world()
    run(of, 3)
    assert of.adopt(revised(5, 0.5), 3_600_000)
    assert not of.adopt(revised(4, 0.2), 3_700_000)
    assert not of.adopt(replace(revised(6, 0.5), arms={}), 3_800_000)
    assert of.counts.refused_plans == 2
    assert [plan.revision for plan in of.held()] == [5]
    with pytest.raises(ValueError, match="given out"):
        of.adopt(revised(7, 0.5), 2_000_000)


def test_what_is_encoded_is_read_back_the_same() -> None:
    for delivery in run(world(BUSY), 70, ACTS):
        value = encode_arrow(delivery.topic, delivery.batch)
        message = Message(delivery.topic, delivery.partition, 0, "", value, delivery.headers)
        read = decode(message)
        assert isinstance(read, TelemetryBatch), read
        assert read.batch.equals(delivery.batch)
        delivery.batch.validate(full=True)


def test_replicas_models_and_features_are_reported() -> None:
    frozen = {10.0: Conditions(frozen_groups=frozenset({"item_hour"}))}
    of = world(frozen)
    acts = {20: lambda w: w.adopt(revised(1, 0.5), 20_505_000)}
    told = run(of, 61, acts)
    reports = rows(told, REPLICA)
    routers = [row for row in reports if row["kind"] == "router"]
    assert [row["at_s"] - MONDAY_S for row in routers] == list(range(1, 62))
    assert [row["plan_revision"] for row in routers] == [0] * 20 + [1] * 41
    assert {row["plan_head"] for row in routers} == {GENESIS, f"{1:064d}"}
    # An answer takes 1 ms in the middle, and exp(0.3^2 / 2) of it on average.
    said = [{"arm": "fallback", "per_s": pytest.approx(1_000.0 / math.exp(0.045))}]
    assert all(row["capacities"] == said for row in routers)
    arms = [row for row in reports if row["kind"] == "arm"]
    assert {row["arm"] for row in arms} == {"primary"}
    assert all(row["capacities"] is None for row in arms)
    assert all(row["plan_epoch"] is None for row in arms)
    of_primary = [r for r in rows(told, SERVED) if r["served_by"] == "primary"]
    assert {row["cpu_ms"] > 0.0 for row in of_primary if row["cache"] == "miss"} == {True}
    assert {row["cpu_ms"] for row in of_primary if row["cache"] == "hit"} <= {0.0}
    cores_s = sum(row["cpu_share"] for row in arms)
    assert cores_s == pytest.approx(sum(row["cpu_ms"] for row in of_primary) / 1e3, rel=0.02)
    assert all(0.0 <= row["cpu_share"] < 0.1 and row["memory_mb"] > 0.0 for row in routers)
    models = rows(told, MODEL)
    assert [row["at_s"] - MONDAY_S for row in models] == [1.0, 31.0, 61.0]
    assert all(sum(each["counts"]) >= 50_000 for row in models for each in row["reference"])
    writes = dict.fromkeys(SETTINGS.feature_groups, 0)
    for row in rows(told, FEATURE):
        writes[row["group"]] += 1
        assert row["group"] == "user_recent" or row["at_s"] < MONDAY_S + 10.0
    assert writes == {"user_recent": 12, "item_hour": 2}


def test_dead_replicas_fall_silent() -> None:
    dead = {5.0: Conditions(arms={"primary": ArmConditions(dead_replicas=1)})}
    arms = [row for row in rows(run(world(dead), 10), REPLICA) if row["kind"] == "arm"]
    at_s = [row["at_s"] - MONDAY_S for row in arms]
    assert sum(at <= 5.0 for at in at_s) == 5 * SETTINGS.arms["primary"].replicas
    assert sum(at > 5.0 for at in at_s) == 5 * (SETTINGS.arms["primary"].replicas - 1)


THREE = SETTINGS.model_copy(
    update={
        "arms": {
            **SETTINGS.arms,
            "primary": SETTINGS.arms["primary"].model_copy(update={"replicas": 3}),
        },
        "cache_ttl_s": 0.0,
    }
)


def means_of(conditions: Conditions, column: str) -> list[float]:
    """By replica of the primary: the mean of a column over half a minute, once all are warm."""
    told = rows(run(world({0.0: conditions}, settings=THREE), 40), REPLICA)
    told = [row for row in told if row["at_s"] - MONDAY_S > 10.0]
    found: dict[str, list[float]] = {}
    for row in told:
        if row["kind"] == "arm" and row[column] is not None:
            found.setdefault(row["replica_id"], []).append(row[column])
    return [sum(values) / len(values) for _, values in sorted(found.items())]


def test_one_slow_replica_says_so_and_the_others_are_well() -> None:
    slow = Conditions(arms={"primary": ArmConditions(slow_replicas=1, slow_by_ms=60.0)})
    first, *others = means_of(slow, "answer_ms")
    assert first == pytest.approx(80.0, abs=5.0)
    assert others == [pytest.approx(21.0, abs=3.0)] * 2
    dead_too = replace(slow.arms["primary"], dead_replicas=1)
    first, *others = means_of(Conditions(arms={"primary": dead_too}), "answer_ms")
    assert (first > 60.0, len(others)) == (True, 1)


def test_a_plan_with_more_replicas_shares_the_work_among_them() -> None:
    of = world(settings=THREE)
    arms = {**THREE.baseline_plan(GENESIS).arms}
    arms["primary"] = replace(arms["primary"], replicas=6)
    more = replace(revised(1, 1.0), arms=arms, cache_ttl_s=0.0)
    told = rows(run(of, 60, {30: lambda w: w.adopt(more, 30_500_000)}), REPLICA)
    cores = [(r["at_s"] - MONDAY_S, r["cpu_share"]) for r in told if r["kind"] == "arm"]
    before = [share for at_s, share in cores if at_s <= 30.0]
    after = [share for at_s, share in cores if at_s > 31.0]
    assert (len(before), len(after)) == (3 * 30, 6 * 29)
    assert sum(before) / 30 == pytest.approx(sum(after) / 29, rel=0.15)


def test_dearer_answers_keep_the_processors_busier() -> None:
    usual = means_of(HEALTHY, "cpu_share")
    dear = means_of(Conditions(arms={"primary": ArmConditions(work_factor=4.0)}), "cpu_share")
    assert sum(dear) == pytest.approx(4.0 * sum(usual), rel=0.1)


def test_a_candidate_is_told_and_served_when_a_plan_names_it() -> None:
    shifted = {0.0: Conditions(shifts=(InputShift(0.0, 0.0, 3.0),))}
    of = world(shifted)
    told = run(of, 3, {2: lambda w: w.add_model("primary-2", "primary", 2_300_000)})
    candidates = [row for row in rows(told, MODEL) if row["status"] == "candidate"]
    assert [row["version"] for row in candidates] == ["primary-2"]
    middle = candidates[0]["reference"][0]["edges"][4]
    assert abs(middle - 3.0) < 0.1, "it was trained on the inputs of its time"
    assert {served["model_version"] for served in attempts(told, "primary")} == {"primary-1"}
    arms = {**PLAN.arms, "primary": replace(PLAN.arms["primary"], version="primary-2")}
    assert of.adopt(replace(PLAN, epoch=1, revision=1, arms=arms), 3_505_000)
    of.second(4)
    later = [d for second in range(5, 8) for d in of.second(second)]
    assert {served["model_version"] for served in attempts(later, "primary")} == {"primary-2"}


def attempts(deliveries: Sequence[Delivery], arm: str) -> list[dict[str, Any]]:
    found = rows(deliveries, SERVED)
    return [each for row in found for each in row["attempts"] if each["arm"] == arm]


def test_lost_telemetry_leaves_gaps_and_lag_delays() -> None:
    phases = {
        10.0: Conditions(telemetry_loss_share=0.5),
        30.0: Conditions(telemetry_lag_s=4.0),
    }
    of = world(phases)
    told = run(of, 40)
    ledger = Ledger()
    for number, delivery in enumerate(told):
        value = encode_arrow(delivery.topic, delivery.batch)
        read = decode(Message(delivery.topic, 0, number, "", value, delivery.headers))
        assert isinstance(read, TelemetryBatch)
        assert ledger.admit(read)
    assert sum(ledger.gaps().values()) == of.lost_batches > 10
    written = sum(users_in(d.columns) for d in told if d.topic == SERVED)
    assert written + of.lost_users == of.counts.arrived
    assert of.lost_users > 0
    late = {d.deliver_at_s - MONDAY_S for d in told if d.deliver_at_s > MONDAY_S + 33.0}
    assert late == {second + 4.25 for second in range(30, 41)}


def test_prewarm_makes_the_next_requests_hits() -> None:
    settings = Settings(cache_ttl_s=60.0)
    cold, warm = world(settings=settings), world(settings=settings)
    run(cold, 2), run(warm, 2, {2: lambda w: w.prewarm("primary", 2_300_000)})
    cold.second(3), warm.second(3)

    def hits(of: World) -> int:
        return sum(row["cache"] == "hit" for s in (4, 5, 6) for row in rows(of.second(s), SERVED))

    assert hits(warm) > hits(cold)


def test_memory_holds_only_what_is_not_told_yet() -> None:
    of = world()
    for second in range(1, 901):
        of.second(second)
        of.exchanges()
    assert len(of.handled()) <= 1
    assert len(of._fading) <= 12


def test_arms_own_click_truth_is_known_per_request() -> None:
    spec = replace(SPEC, arms={"primary": ArmModel(quality=1.0)})
    of = world(spec=spec)
    run(of, 59)
    handled = of.handled()[0]
    chances = {arm: of.counterfactual(handled, arm) for arm in ("primary", "fallback")}
    assert chances["primary"].shape == (len(handled.visits),)
    assert chances["primary"].mean() > chances["fallback"].mean() > 0.0

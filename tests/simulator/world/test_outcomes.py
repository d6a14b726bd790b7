"""Clicks reach the log late, twice or not at all, and carry the labels of their slate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from controller.ports import GENESIS
from controller.settings import Settings
from controller.telemetry.schema import OUTCOME, SERVED
from simulator.spec import MONDAY_S, Traffic, Users, WorldSpec
from simulator.world.conditions import ArmConditions, Conditions, InputShift
from simulator.world.world import World

SETTINGS = Settings()
SECONDS = 240


def told(
    users: Users, conditions: Conditions | None = None, from_s: int = 0, seconds: int = SECONDS
) -> tuple[World, dict[str, list[dict[str, Any]]]]:
    spec = WorldSpec(traffic=Traffic(rate_per_s=30.0), users=users)
    held = conditions or Conditions()

    def at(at_us: int) -> Conditions:
        return held if at_us >= from_s * 1_000_000 else Conditions()

    plan = SETTINGS.baseline_plan(GENESIS)
    world = World(SETTINGS, spec, 5, at, (from_s * 1_000_000,), (), plan)
    found: dict[str, list[dict[str, Any]]] = {SERVED: [], OUTCOME: []}
    for second in range(1, seconds + 1):
        for delivery in world.second(second):
            if delivery.topic in found:
                rows = delivery.batch.to_pylist()
                found[delivery.topic] += [{**row, "second": second} for row in rows]
    return world, found


@pytest.fixture(scope="module")
def usual() -> tuple[World, dict[str, list[dict[str, Any]]]]:
    return told(Users(users=200, items=200, ctr=0.2, loss_share=0.2, double_share=0.2))


def test_every_outcome_belongs_to_a_served_row_and_says_its_labels(usual: Any) -> None:
    _, found = usual
    served = {row["request_id"]: row for row in found[SERVED] if row["role"] == "user"}
    assert len(found[OUTCOME]) > 500
    for row in found[OUTCOME]:
        slate = served[row["request_id"]]
        assert (row["arm"], row["evaluation_id"], row["propensities"]) == (
            slate["arm"],
            slate["evaluation_id"],
            slate["propensities"],
        )
        assert row["served_at_s"] == slate["at_s"]
        of_drawn = slate["served_by"] == slate["arm"]
        assert row["top_score"] == (slate["top_score"] if of_drawn else None)
        assert row["segment.platform"] == slate["segment.platform"]
        assert slate["done_at_s"] <= row["at_s"] < row["received_at_s"]
        assert row["value"] == len(row["clicked_positions"]) > 0
        assert row["viewed_positions"] == list(range(row["clicked_positions"][-1] + 1))


def test_outcomes_come_in_the_second_in_which_they_are_received(usual: Any) -> None:
    _, found = usual
    for row in found[OUTCOME]:
        assert row["second"] - 1 <= row["received_at_s"] - MONDAY_S < row["second"]


def test_some_clicks_are_lost_and_some_are_told_twice(usual: Any) -> None:
    world, found = usual
    events: dict[bytes, list[float]] = {}
    for row in found[OUTCOME]:
        events.setdefault(row["event_id"], []).append(row["received_at_s"])
    assert len(events) == len({row["request_id"] for row in found[OUTCOME]})
    assert 0.7 < len(events) / world.counts.clicked < 0.85
    again = [max(times) - min(times) for times in events.values() if len(times) == 2]
    assert 0.12 < len(again) / len(events) < 0.28
    assert all(2.0 <= gap_s <= 20.001 for gap_s in again)


def test_the_click_rate_is_the_true_chance(usual: Any) -> None:
    world, _ = usual
    exchanges = world.exchanges()
    expected, clicked = exchanges.true_chance.sum(), np.count_nonzero(exchanges.clicks)
    assert abs(clicked - expected) < 4.0 * np.sqrt(expected)
    assert 0.1 < expected / len(exchanges) < 0.4


def test_a_click_log_that_takes_nothing_hears_nothing() -> None:
    users = Users(users=200, items=200, ctr=0.2)
    world, found = told(users, Conditions(clicks_are_lost=True), from_s=100)
    assert found[OUTCOME]
    assert max(row["received_at_s"] for row in found[OUTCOME]) < MONDAY_S + 100.0
    assert world.counts.clicked > 1.5 * len(found[OUTCOME])


def test_what_is_wrong_with_one_segment_spares_the_others() -> None:
    ios, web = (("platform", "ios"),), (("platform", "web"),)
    wrong = Conditions(
        arms={"primary": ArmConditions(click_factor=0.0, click_where=ios)},
        shifts=(InputShift(since_s=0.0, size_sd=50.0, where=web),),
    )
    _, found = told(Users(users=200, items=200, ctr=0.2), wrong, seconds=30)
    clicked = {row["segment.platform"] for row in found[OUTCOME] if row["arm"] == "primary"}
    assert clicked == {"android", "web"}
    for row in found[SERVED]:
        if row["inputs"]:
            is_off = np.mean([each["value"] for each in row["inputs"]]) > 10.0
            assert is_off == (row["segment.platform"] == "web")


def test_the_factor_of_the_arm_that_answers_moves_its_clicks() -> None:
    users = Users(users=200, items=200, ctr=0.2)
    broken = Conditions(arms={"primary": ArmConditions(click_factor=0.1)})
    world, _ = told(users, broken, from_s=120)
    exchanges = world.exchanges()
    at_s, chance = exchanges.intended_at_s - MONDAY_S, exchanges.true_chance
    primary = exchanges.served_by.equals("primary")
    assert chance[primary & (at_s >= 120)].mean() < 0.2 * chance[primary & (at_s < 120)].mean()

"""Features in the store: right, complete up to the watermark, and back after the store was lost."""

from __future__ import annotations

import json
from typing import Any

from controller.telemetry.batches import TelemetryBatch, decode
from controller.telemetry.schema import FEATURE, OUTCOME, SERVED

START_S = 1_800_000_000.0


def begin(world: Any, rows: Any, users: int = 5) -> Any:
    """A pipeline that has seen one click of each user and written it."""
    pipeline = world.pipeline(START_S)
    world.send(SERVED, [rows.served(number, START_S) for number in range(users)])
    world.send(OUTCOME, [rows.outcome(number, START_S, [0]) for number in range(users)])
    for second in range(10):
        pipeline.turn(START_S + second)
    return pipeline


def test_clicks_reach_the_store_newest_first(world: Any, rows: Any) -> None:
    pipeline = begin(world, rows)
    world.send(SERVED, [rows.served(5, START_S + 9.0)])
    world.send(OUTCOME, [rows.outcome(5, START_S + 9.0, [1])])
    pipeline.turn(START_S + 10.0)
    assert world.features.recent[0] == [rows.items(5)[1], rows.items(0)[0]]
    assert world.features.item_hour[rows.items(5)[1]] == 1.0


def test_a_click_counts_for_an_hour(world: Any, rows: Any) -> None:
    pipeline = begin(world, rows)
    assert sum(world.features.item_hour.values()) == 5.0
    pipeline.turn(START_S + 3_500.0)
    assert sum(world.features.item_hour.values()) == 5.0
    pipeline.turn(START_S + 3_700.0)
    assert sum(world.features.item_hour.values()) == 0.0


def test_watermark_follows_the_clock_while_nothing_comes(world: Any, rows: Any) -> None:
    pipeline = begin(world, rows)
    pipeline.turn(START_S + 60.0)
    assert world.features.complete_to_s == {
        "user_recent": START_S + 60.0,
        "item_hour": START_S + 60.0,
    }


def test_watermark_stands_still_while_the_bus_is_gone(world: Any, rows: Any) -> None:
    pipeline = begin(world, rows)
    world.bus.down = True
    for second in range(10, 60):
        pipeline.turn(START_S + second)
    assert world.features.complete_to_s["user_recent"] < START_S + 10.0
    world.bus.down = False
    for second in range(60, 70):
        pipeline.turn(START_S + second)
    assert world.features.complete_to_s["user_recent"] == START_S + 69.0


def test_a_store_that_comes_back_empty_gets_every_row_again(world: Any, rows: Any) -> None:
    pipeline = begin(world, rows)
    before = dict(world.features.recent)
    world.features.down = True
    pipeline.turn(START_S + 11.0)
    world.send(SERVED, [rows.served(6, START_S + 11.0)])
    world.send(OUTCOME, [rows.outcome(6, START_S + 11.0, [1])])
    pipeline.turn(START_S + 13.0)
    assert "feature_write_failures=2" in pipeline.report()
    world.features.lose()
    world.features.down = False
    pipeline.turn(START_S + 15.0)
    assert world.features.recent == before | {1: [rows.items(6)[1], rows.items(1)[0]]}


def test_telemetry_says_what_was_written(world: Any, rows: Any) -> None:
    begin(world, rows)
    written = []
    for message in world.bus.reader([(FEATURE, 0)]).poll(0.0, 100):
        batch = decode(message)
        assert isinstance(batch, TelemetryBatch)
        written += batch.batch.to_pylist()
    assert {row["group"] for row in written} == {"user_recent", "item_hour"}
    assert sum(row["rows"] for row in written if row["group"] == "user_recent") == 5
    assert all(row["event_at_s"] <= row["written_at_s"] for row in written)


def test_a_frozen_group_ages_while_the_other_does_not(world: Any, rows: Any) -> None:
    pipeline = begin(world, rows)
    world.faults_path.write_text(json.dumps({"features": {"frozen_groups": ["user_recent"]}}))
    world.send(SERVED, [rows.served(6, START_S + 9.0)])
    world.send(OUTCOME, [rows.outcome(6, START_S + 9.0, [1])])
    pipeline.turn(START_S + 30.0)
    pipeline.turn(START_S + 33.0)
    complete = world.features.complete_to_s
    assert complete["user_recent"] < START_S + 10.0 < complete["item_hour"]
    assert world.features.recent[1] == [rows.items(1)[0]]
    world.faults_path.unlink()
    pipeline.turn(START_S + 40.0)
    pipeline.turn(START_S + 42.0)
    assert world.features.recent[1] == [rows.items(6)[1], rows.items(1)[0]]
    assert world.features.complete_to_s["user_recent"] == START_S + 42.0


def test_shifted_groups_are_wrong_for_everyone_and_right_again_after(world: Any, rows: Any) -> None:
    pipeline = begin(world, rows)
    recent, hour = dict(world.features.recent), dict(world.features.item_hour)
    fault = {"features": {"shifted_groups": {"user_recent": 1.0, "item_hour": 5.0}}}
    world.faults_path.write_text(json.dumps(fault))
    pipeline.turn(START_S + 11.0)
    assert all(world.features.recent[user] != items for user, items in recent.items())
    assert all(len(world.features.recent[user]) == len(items) for user, items in recent.items())
    assert sum(world.features.item_hour.values()) == 5.0 * sum(hour.values())
    assert set(world.features.item_hour) != set(hour)
    world.faults_path.unlink()
    pipeline.turn(START_S + 13.0)
    assert (world.features.recent, world.features.item_hour) == (recent, hour)


def test_a_broken_fault_file_is_no_fault(world: Any, rows: Any) -> None:
    pipeline = begin(world, rows)
    world.faults_path.write_text("{")
    pipeline.turn(START_S + 11.0)
    world.faults_path.write_text(json.dumps({"features": {"frozen_groups": 3}}))
    pipeline.turn(START_S + 13.0)
    assert world.features.complete_to_s["user_recent"] == START_S + 13.0

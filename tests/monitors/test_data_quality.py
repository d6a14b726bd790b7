"""What is not found, unseen, missing or outside of the schema is told, and told apart."""

from __future__ import annotations

import pytest

from controller.core.readings import ReadingState
from controller.telemetry.schema import OUTCOME, REPLICA
from tests.monitors.telemetry_rows import T0, attempt, click, router, served
from tests.monitors.test_system_layer import run


def test_a_group_that_holds_nothing_of_the_user_is_not_found(watch) -> None:
    def row(n: int, at_s: float):
        return served(at_s, not_found=["user_recent"] if n < 3 else [])

    found = run(watch(), row)
    key = "not_found_rate{feature_group=user_recent}[5s]"
    assert (found[key].value, found[key].sample_size) == (pytest.approx(0.3), 50)
    assert found["default_rate{feature_group=user_recent}[5s]"].value == 0.0


def test_a_group_only_said_not_to_be_found_was_used(watch) -> None:
    found = run(watch(), lambda n, at_s: served(at_s, feature_ages=[], not_found=["item_hour"]))
    assert found["not_found_rate{feature_group=item_hour}[5s]"].value == 1.0
    idle = found["not_found_rate{feature_group=user_recent}[5s]"]
    assert idle.state is ReadingState.IDLE


def segmented(platforms):
    return lambda n, at_s: served(at_s, **{"segment.platform": platforms[n]})


def test_a_segment_value_that_settings_do_not_name_is_unseen_and_null_is_missing(watch) -> None:
    platforms = ["tv", None, None, None, None, None, "ios", "web", "ios", "android"]
    seen = run(watch(), segmented(platforms), seconds=80)
    unseen = seen["unseen_share{segment=platform}[60s]"]
    assert (unseen.value, unseen.sample_size) == (pytest.approx(0.2), 300)
    assert seen["missing_share{segment=platform}[60s]"].value == pytest.approx(0.5)


def test_known_segment_values_are_neither_unseen_nor_missing(watch) -> None:
    seen = run(watch(), segmented(["ios", "web"] * 5), seconds=80)
    assert seen["unseen_share{segment=platform}[60s]"].value == 0.0
    assert seen["missing_share{segment=platform}[60s]"].value == 0.0


def test_a_segment_nobody_sends_is_wholly_missing(watch) -> None:
    seen = run(watch(), lambda n, at_s: served(at_s), seconds=80)
    assert seen["missing_share{segment=platform}[60s]"].value == 1.0
    assert seen["unseen_share{segment=platform}[60s]"].state is ReadingState.INSUFFICIENT


def test_columns_that_rows_lack_are_named_and_counted(watch) -> None:
    def row(n: int, at_s: float):
        return served(at_s, latency_ms=None if n < 2 else 20.0, cpu_ms=1.0)

    lacking = run(watch(), row, seconds=80)
    assert lacking["null_share{column=latency_ms}[60s]"].value == pytest.approx(0.2)
    assert lacking["null_share{column=cpu_ms}[60s]"].value == 0.0
    assert lacking["null_share{column=slate}[60s]"].value == 1.0
    # Those that `served` does not fill in.
    assert lacking["empty_columns[60s]"].value == 4.0


def test_nothing_answered_in_time_is_nothing_to_look_at(watch) -> None:
    failed = run(watch(), lambda n, at_s: served(at_s, outcome="error"), seconds=80)
    assert failed["null_share{column=latency_ms}[60s]"].state is ReadingState.IDLE
    assert failed["empty_columns[60s]"].state is ReadingState.IDLE


VIOLATIONS = "schema_violations{topic=served}[60s]"


def test_rows_as_they_should_be_violate_nothing(watch) -> None:
    good = run(watch(), lambda n, at_s: served(at_s))
    assert good[VIOLATIONS].value == 0.0
    assert good["schema_violations{topic=replica}[60s]"].value == 0.0
    assert good["schema_violations{topic=outcome}[60s]"].state is not ReadingState.OK


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "robot"},
        {"outcome": "fine"},
        {"cache": "maybe"},
        {"attempts": [attempt(), attempt(result="great")]},
        {"at_s": T0 + 100.0},
        {"latency_ms": -1.0},
        {"queue_depth": -1},
        {"cpu_ms": -0.5},
        {"gpu_ms": -0.5},
        {"memory_mb_s": -1.0},
        {"slate_diversity": 2.5},
        {"feature_ages": [{"group": "user_recent", "age_s": -3.0}]},
        {"slate": [{"item_id": "a", "position": -1, "propensity": 1.0, "team": None}]},
        {"slate": [{"item_id": "a", "position": 0, "propensity": 1.5, "team": None}]},
        {"propensities": [{"arm": "primary", "chance": -0.1}]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_each_value_outside_of_the_schema_is_counted(watch, wrong) -> None:
    watched = watch()
    watched.tick(T0 - 20)
    rows = [served(T0 - 3 + n / 10) for n in range(10)]
    watched.feed([*rows[:4], rows[4] | wrong, *rows[5:8], rows[8] | wrong, rows[9]])
    watched.tick(T0)
    assert (watched[VIOLATIONS].value, watched[VIOLATIONS].sample_size) == (2.0, 10)


def test_outcomes_and_replicas_are_looked_at_too(watch) -> None:
    watched = watch()
    watched.tick(T0 - 20)
    row = served(T0 - 10)
    watched.click([click(row, clicked_positions=[0, -2]), click(row, clicked_positions=[1])])
    watched.feed([router(T0 - 5, kind="toaster"), router(T0 - 5, in_flight=-1)], REPLICA)
    watched.tick(T0)
    assert watched["schema_violations{topic=outcome}[60s]"].value == 1.0
    assert watched["schema_violations{topic=replica}[60s]"].value == 2.0


def test_a_click_without_a_time_of_receipt_does_no_harm(watch) -> None:
    watched = watch()
    watched.tick(T0 - 20)
    watched.feed([click(served(T0 - 10), received_at_s=None)], OUTCOME)
    watched.tick(T0)
    assert watched["schema_violations{topic=outcome}[60s]"].sample_size == 0

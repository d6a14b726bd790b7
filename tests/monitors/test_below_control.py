"""An arm that falls below the standing control is told; seasons and missing data are not a fall."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from controller.core.readings import Reading, ReadingState
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.outcome.attributed import AttributedClickTally
from controller.monitors.outcome.below_control import BelowControlReader
from controller.settings import Settings
from controller.telemetry.rows import batch_from_rows
from tests.monitors.telemetry_rows import OUTCOME, T0, Watch, click

W = 10.0
CHANCES = [{"arm": "primary", "chance": 0.75}, {"arm": "fallback", "chance": 0.25}]
KEY = "ctr.below_control{arm=primary}"


def clicked(at_s: float, arm: str, chances: Any = CHANCES, **more: Any) -> dict[str, Any]:
    row = {"request_id": os.urandom(16), "at_s": at_s, "arm": arm, "propensities": chances}
    return click(row, **more)


def live(
    watch: Callable[..., Watch],
    rates: Callable[[int], tuple[float, float]],
    steps: int = 60,
    seed: int = 1,
) -> list[Reading]:
    """Steps of 10 s in which primary and control are clicked so often in the mean."""
    rng, set_ = (
        np.random.default_rng(seed),
        watch(attribution_window_s=W, false_actions="1 per 10h"),
    )
    set_.tick(T0)
    found = []
    for step in range(steps):
        counts = rng.poisson(rates(step)).tolist()
        arms = ["primary"] * counts[0] + ["fallback"] * counts[1]
        if arms:
            set_.click([clicked(T0 + 10 * step + 5.0, arm) for arm in arms])
        set_.tick(T0 + 10 * step + 10)
        found.append(set_[KEY])
    return found


def test_an_arm_clicked_less_than_its_control_is_told_and_the_alarm_ends_with_it(watch) -> None:
    found = live(watch, lambda step: (12.0 if 10 <= step < 32 else 40.0, 10.0), 60)
    assert found[10].value == 0.0
    told = [step for step, reading in enumerate(found) if reading.value == 1.0]
    assert 10 < told[0] < 30
    assert found[-1].value == 0.0


def test_a_season_that_moves_both_is_no_fall(watch) -> None:
    found = live(watch, lambda step: (30.0 * (s := 1.0 + 0.9 * np.sin(step / 9)), 10.0 * s), 60)
    assert {reading.value for reading in found[5:]} == {0.0}


def test_without_clicks_it_is_idle_and_never_alarms(watch) -> None:
    found = live(watch, lambda step: (0.0, 0.0) if step >= 15 else (6.0, 2.0), 80)
    assert all(reading.value in (0.0, None) for reading in found)
    assert found[27].state is ReadingState.STALE, "clicks were due"
    assert found[-1].state is ReadingState.IDLE


def test_few_clicks_say_nothing(watch) -> None:
    found = live(watch, lambda _: (0.15, 0.05), 5)
    assert found[-1].state is ReadingState.INSUFFICIENT


def sample_of(watch: Callable[..., Watch], rows: list[dict[str, Any]]) -> int:
    """How many clicks were bet on, once they are mature."""
    set_ = watch(attribution_window_s=W)
    set_.tick(T0)
    set_.click(rows)
    for after_s in (10, 20, 30):
        set_.tick(T0 + after_s)
    return set_[KEY].sample_size


@pytest.mark.parametrize(
    ("more", "sample"),
    [
        ({}, 9),
        ({"chances": [{"arm": "primary", "chance": 1.0}, {"arm": "fallback", "chance": 0.0}]}, 0),
        ({"chances": None}, 0),
        ({"delay_s": W + 1.0}, 0),
        ({"kind": "dwell"}, 0),
        ({"arm": "challenger"}, 0),
    ],
    ids=["of the two", "no choice", "no chances", "late", "no click", "another arm"],
)
def test_only_clicks_of_the_two_are_bet_on(more: dict[str, Any], sample: int, watch) -> None:
    rows = [clicked(T0 + 5.0, **({"arm": "fallback"} | more)) for _ in range(9)]
    assert sample_of(watch, rows) == sample


def test_a_request_clicked_often_bets_once(watch) -> None:
    row = clicked(T0 + 5.0, "fallback")
    assert sample_of(watch, [row | {"event_id": os.urandom(16)} for _ in range(9)]) == 1


def test_what_was_learnt_survives_arms_that_come_and_go() -> None:
    old = Settings(attribution_window_s=W)
    wide = {name: arm.model_dump() for name, arm in old.arms.items()}
    new = Settings(attribution_window_s=W, arms={"challenger": {"share": 0.0}, **wide})
    tally, fresh = (AttributedClickTally(tuple(s.arms), W) for s in (old, new))
    rows = [clicked(T0 + 5.0, "fallback")]
    tally.update(BatchView(OUTCOME, 0, batch_from_rows(OUTCOME, rows)))
    fresh.restore(tally.snapshot())
    (clicks,) = fresh.clicks(T0, T0 + 10)
    assert clicks.drawn.tolist() == [2]
    assert clicks.chances.tolist() == [[0.0, 0.75, 0.25]]
    one, two = BelowControlReader(old), BelowControlReader(new)
    one._bet(int(T0), *tally.clicks(T0, T0 + 10))
    two.restore(one.snapshot())
    states = two.snapshot()
    assert states["states"][states["arms"].tolist().index("primary")].any()

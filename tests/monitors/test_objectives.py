"""Error budgets: what is good, what burns, what is left, and what is not known."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.core.readings import Reading, ReadingState, SignalKey
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.monitor_set import MonitorSet
from controller.monitors.objectives.budgets import ObjectiveTally
from controller.monitors.objectives.minute_counts import MinuteCounts
from controller.monitors.objectives.minutes import judged_minute
from controller.settings import Objective, Settings
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import SERVED
from tests.monitors.telemetry_rows import Watch, served

T0 = 1_790_000_040.0
"""The start of a minute."""
NewWatch = Callable[..., Watch]


def _spread(count: int, start_s: float, end_s: float, **more: object) -> list[dict[str, object]]:
    return [served(start_s + (end_s - start_s) * n / count, **more) for n in range(count)]


def test_latency_is_good_exactly_at_its_threshold_and_probes_do_not_count() -> None:
    tally = ObjectiveTally(Settings())
    rows = [
        served(T0, latency_ms=200.0),
        served(T0, latency_ms=200.1),
        served(T0, latency_ms=10.0, outcome="error", served_by=None),
        served(T0, latency_ms=10.0, outcome="invalid"),
        served(T0, latency_ms=900.0, role="probe"),
    ]
    tally.update(BatchView(SERVED, 0, batch_from_rows(SERVED, rows)))
    minute = int(T0 // 60)
    assert tally.counts.between(minute, minute + 1).tolist() == [[3, 1], [3, 2]]


def test_one_error_of_thirty_requests_burns_nothing(watch: NewWatch) -> None:
    seen = watch()
    seen.tick(T0)
    seen.feed([*_spread(29, T0, T0 + 60), served(T0 + 30, outcome="error", served_by=None)])
    seen.tick(T0 + 60)
    assert seen["slo.burn_rate{slo=availability}[3600s]"].value == 0.0
    assert seen["slo.attained{slo=availability}"].value == pytest.approx(29 / 30)
    assert seen["slo.budget_left{slo=availability}"].state is ReadingState.INSUFFICIENT


def test_an_outage_burns_and_stops_soon_after_it_is_over(watch: NewWatch) -> None:
    seen = watch()
    seen.tick(T0)
    seen.feed(_spread(600, T0, T0 + 300))
    seen.feed(_spread(300, T0 + 300, T0 + 360, outcome="error", served_by=None))
    seen.tick(T0 + 360)
    assert seen["slo.burn_rate{slo=availability}[3600s]"].value > 14.4
    seen.feed(_spread(800, T0 + 360, T0 + 780))
    seen.tick(T0 + 780)
    assert seen["slo.burn_rate{slo=availability}[3600s]"].value == 0.0
    assert seen["slo.burn_rate_6h{slo=availability}"].value > 14.4


def test_an_overdrawn_budget_is_below_zero(watch: NewWatch) -> None:
    seen = watch()
    seen.tick(T0)
    seen.feed(_spread(180, T0, T0 + 60))
    seen.feed(_spread(20, T0, T0 + 60, latency_ms=300.0))
    seen.tick(T0 + 60)
    assert seen["slo.budget_left{slo=latency}"].value == pytest.approx(-1.0)


def test_without_requests_nothing_is_known(watch: NewWatch) -> None:
    seen = watch()
    seen.tick(T0)
    seen.tick(T0 + 60)
    assert seen["slo.burn_rate{slo=latency}[3600s]"].state is ReadingState.IDLE
    assert seen["slo.attained{slo=latency}"].state is ReadingState.INSUFFICIENT


def test_a_minute_is_bad_only_when_proven_and_unknown_without_a_reading() -> None:
    uplift = Objective(indicator="ctr_uplift", target=0.99, threshold=-0.05)
    key = SignalKey("lift(ctr,primary,fallback).upper", (), 3_600.0)

    def judged(value: float | None, state: ReadingState) -> bool | None:
        reading = Reading(value, state, 100, T0 - 3_600, T0)
        return judged_minute(uplift, {key: reading}, Settings())

    assert judged(-0.06, ReadingState.OK) is False
    assert judged(0.2, ReadingState.OK) is True
    assert judged(None, ReadingState.STALE) is None
    assert judged_minute(uplift, {}, Settings()) is None


def test_cost_is_that_of_all_arms_by_their_slates() -> None:
    cost = Objective(indicator="cost", target=0.99, threshold=0.5)
    readings = {
        SignalKey("cost_per_1000", (("arm", arm),), 60.0): Reading(
            value, ReadingState.OK, n, T0 - 60, T0
        )
        for arm, value, n in (("primary", 0.4, 900), ("fallback", 1.0, 100))
    }
    assert judged_minute(cost, readings, Settings()) is True


def test_unknown_minutes_are_neither_good_nor_bad(watch: NewWatch) -> None:
    seen = watch(objectives={"cost": Objective(indicator="cost", target=0.9, threshold=1.0)})
    for at_s in (T0, T0 + 60, T0 + 120):
        seen.tick(at_s)
    assert seen["slo.attained{slo=cost}"].note == "no known minutes yet"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"indicator": "latency", "target": 0.9}, "latency needs a threshold"),
        ({"indicator": "cost", "target": 0.9}, "cost needs a threshold"),
        ({"indicator": "availability", "target": 0.9, "threshold": 1}, "takes no threshold"),
        ({"indicator": "beauty", "target": 0.9}, "Input should be"),
        ({"indicator": "availability", "target": 1.0}, "less than 1"),
    ],
)
def test_settings_that_make_no_objective_are_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Objective.model_validate(fields)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_any_split_order_and_restore_gives_the_same_sums(seed: int) -> None:
    generator = random.Random(seed)
    events = [(generator.randrange(1_000), generator.randrange(2)) for _ in range(60)]
    parts = [MinuteCounts(1) for _ in range(3)]
    for minute, bad in events:
        generator.choice(parts).add(minute, np.array([[1, bad]], np.int64))
        parts[0].between(100, 800)  # a running sum must follow what comes later
    merged = MinuteCounts(1)
    merged.restore(parts[1].snapshot(), [0])
    for part in (parts[2], parts[0]):
        merged.merge(part)
        merged.between(100, 800)
    for first, after in ((0, 1_000), (100, 800), (130, 170), (59, 61), (60, 120)):
        inside = [bad for minute, bad in events if first <= minute < after]
        assert merged.between(first, after).tolist() == [[len(inside), sum(inside)]]


def test_what_is_too_old_or_in_the_future_is_forgotten() -> None:
    counts = MinuteCounts(1)
    for minute in (5, 130, 150, 400):
        counts.add(minute, np.array([[1, 1]], np.int64))
    counts.between(0, 600)
    counts.forget(120 * 60.0, 140 * 60.0)
    assert counts.between(0, 600).tolist() == [[1, 1]]


def test_a_restored_set_reads_the_same_budgets(watch: NewWatch) -> None:
    seen = watch()
    seen.tick(T0)
    seen.feed(_spread(500, T0, T0 + 300, latency_ms=150.0))
    seen.feed(_spread(60, T0, T0 + 300, latency_ms=350.0))
    other = MonitorSet(Settings())
    other.restore(seen.set.snapshot())
    one, two = seen.set.read(T0 + 300, True), other.read(T0 + 300, True)
    keys = [key for key in one if key.name.startswith("slo.")]
    assert keys
    assert {key: one[key] for key in keys} == {key: two[key] for key in keys}

"""What else is said of inputs: nulls, unseen codes, distances, the same hour last week."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.readings import ReadingState
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.data.alike_inputs import alike_inputs
from controller.monitors.data.drift import MONITOR, level_of_a_look
from controller.monitors.data.drift_tally import DriftTally
from controller.settings import Settings
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import MODEL, SERVED
from tests.monitors.telemetry_rows import T0, Watch, served

WEEK_S = 7 * 86_400.0
HOUR0 = T0 // 3_600 * 3_600 + 600.0
EDGES = [-1.15, -0.67, -0.32, 0.0, 0.32, 0.67, 1.15]


def reference(arm: str = "primary") -> dict[str, Any]:
    number = {"edges": EDGES, "counts": [6_250] * 8, "null_count": 0}
    code = {
        "edges": [1.0, 2.0],
        "counts": [25_000, 15_000, 10_000],
        "null_count": 0,
        "categories": [1.0, 2.0, 3.0],
    }
    return {
        "at_s": T0 - WEEK_S - 60.0,
        "version": "v1",
        "arm": arm,
        "status": "serving",
        "reference": [{"feature": "clicks"} | number, {"feature": "device"} | code],
    }


def rows_at(at_s: float, clicks: np.ndarray, device: np.ndarray) -> list[dict[str, Any]]:
    """One request each, within 200 s."""
    return [
        served(
            at_s + 200.0 * n / clicks.size,
            inputs=[
                {"feature": "clicks", "value": None if np.isnan(one) else float(one)},
                {"feature": "device", "value": float(two)},
            ],
        )
        for n, (one, two) in enumerate(zip(clicks, device, strict=True))
    ]


def healthy(size: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=size), rng.choice([1.0, 2.0, 3.0], p=[0.5, 0.3, 0.2], size=size)


def fed(watch: Any, clicks: np.ndarray, device: np.ndarray, at_s: float = T0) -> Watch:
    set_: Watch = watch()
    set_.tick(at_s - 300.0)
    set_.feed([reference()], MODEL)
    set_.feed(rows_at(at_s - 200.0, clicks, device))
    set_.tick(at_s)
    return set_


def test_a_healthy_input_is_near_its_reference_in_every_respect(watch) -> None:
    set_ = fed(watch, *healthy(1_000))
    assert set_["drift.ks{feature=clicks}[300s]"].value < 0.05
    assert set_["drift.wasserstein{feature=clicks}[300s]"].value < 0.1
    assert set_["null_rate{feature=clicks}[300s]"].value == 0.0
    assert set_["unseen_rate{feature=device}[300s]"].value == 0.0
    assert set_["drift.shifted_features{arm=primary}[300s]"].value == 0.0


def test_a_shift_is_seen_by_every_distance(watch) -> None:
    clicks, device = healthy(1_000)
    set_ = fed(watch, clicks + 1.0, device)
    assert set_["drift.ks{feature=clicks}[300s]"].value == pytest.approx(0.38, abs=0.05)
    # One standard deviation is 0.74 interquartile ranges of a normal.
    assert set_["drift.wasserstein{feature=clicks}[300s]"].value == pytest.approx(0.74, abs=0.15)


def test_half_the_values_null_is_a_rate_and_drift(watch) -> None:
    clicks, device = healthy(1_000)
    clicks[::2] = np.nan
    set_ = fed(watch, clicks, device)
    assert set_["null_rate{feature=clicks}[300s]"].value == 0.5
    assert set_["drift.shifted_features{arm=primary}[300s]"].value == 1.0


def test_a_feature_that_rows_leave_out_is_null(watch) -> None:
    set_: Watch = watch()
    set_.tick(T0 - 300.0)
    set_.feed([reference()], MODEL)
    rows = rows_at(T0 - 200.0, *healthy(1_000))
    for row in rows[::4]:
        del row["inputs"][0]
    set_.feed(rows)
    set_.tick(T0)
    assert set_["null_rate{feature=clicks}[300s]"].value == 0.25


def test_codes_that_training_never_saw_are_a_rate_and_drift(watch) -> None:
    clicks, device = healthy(1_000)
    device[::10] = 9.0
    set_ = fed(watch, clicks, device)
    assert set_["unseen_rate{feature=device}[300s]"].value == 0.1
    assert set_["drift.shifted_features{arm=primary}[300s]"].value == 1.0
    assert "unseen_rate{feature=clicks}[300s]" not in {str(key) for key in set_.readings}


def test_an_hour_is_compared_with_its_like_a_week_before(watch) -> None:
    set_ = fed(watch, *healthy(1_000, seed=2), at_s=HOUR0 - WEEK_S)
    assert set_["drift.psi_last_week{feature=clicks}[300s]"].state is ReadingState.INSUFFICIENT
    clicks, device = healthy(1_000, seed=3)
    set_.feed(rows_at(HOUR0 - 200.0, clicks + 1.0, device))
    set_.tick(HOUR0)
    assert set_["drift.psi_last_week{feature=clicks}[300s]"].value > 0.5
    assert set_["drift.psi_last_week{feature=device}[300s]"].value < 0.05


def test_hours_survive_a_snapshot_and_merge_by_adding() -> None:
    tallies = [MONITOR.tally(Settings()) for _ in range(3)]
    for tally in tallies:
        tally.update(BatchView(MODEL, 0, batch_from_rows(MODEL, [reference()])))
    for n, hour in enumerate((0, 0, 1)):
        at_s = HOUR0 + 3_600.0 * hour
        rows = rows_at(at_s, *healthy(100 * (n + 1)))
        tallies[n].update(BatchView(SERVED, 0, batch_from_rows(SERVED, rows)))
    restored = DriftTally()
    restored.restore(tallies[0].snapshot())
    restored.merge(tallies[1])
    restored.merge(tallies[2])
    assert restored.hours["primary"].at(HOUR0).sum(axis=1).tolist() == [300, 300]
    assert restored.hours["primary"].at(HOUR0 + 3_600.0).sum(axis=1).tolist() == [300, 300]
    restored.forget(HOUR0 + 8.5 * 86_400.0, HOUR0 + 9.0 * 86_400.0)
    assert not restored.hours["primary"].at(HOUR0).any()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_rows_that_are_alike_are_counted_as_rows_that_are_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 60))
    rows = rows_at(T0, *healthy(size, seed))
    for row in rows:
        row["arm"] = str(rng.choice(["primary", "fallback", "other"]))
        row["role"] = str(rng.choice(["user", "probe", "shadow"]))
        if rng.random() < 0.2:
            row["inputs"] = None
    # One more of a row nobody counts makes rows differ in what they name.
    odd = served(T0, role="shadow", inputs=[{"feature": "device", "value": 1.0}])
    tables = []
    for batch_rows in (rows, [*rows, odd]):
        tally = DriftTally()
        for arm in ("primary", "fallback"):
            tally.update(BatchView(MODEL, 0, batch_from_rows(MODEL, [reference(arm)])))
        view = BatchView(SERVED, 0, batch_from_rows(SERVED, batch_rows))
        tally.update(view)
        hours = [tally.hours[arm].at(T0) + tally.hours[arm].at(T0 + 3_600.0) for arm in tally.hours]
        tables.append(np.array(hours).tolist())
    assert tables[0] == tables[1]
    assert alike_inputs(view) is None or all(row["inputs"] is None for row in rows)


def test_names_are_read_from_bytes_only_where_they_repeat() -> None:
    kind = pa.list_(pa.struct([("feature", pa.string()), ("value", pa.float64())]))

    def alike(*rows: list[str] | None) -> bool:
        lists = [r and [{"feature": name, "value": 1.0} for name in r] for r in rows]
        batch = pa.record_batch({"inputs": pa.array(lists, kind)})
        return alike_inputs(BatchView(SERVED, 0, batch.slice(1))) is not None

    assert alike(["x"], ["a", "bc"], None, ["a", "bc"])
    assert not alike(["x"], ["a", "bc"], ["ab", "c"])
    assert not alike(["x"], ["a", "bc"], ["bc", "a"])
    assert not alike(["x"], ["a", "a"], ["a", "a"])
    assert not alike(["x"], None)


def test_all_arms_share_what_a_look_may_take() -> None:
    assert level_of_a_look(1.0, 2) == pytest.approx(level_of_a_look(1.0, 1) / 2.0)
    assert level_of_a_look(10.0, 1) == pytest.approx(10.0 * level_of_a_look(1.0, 1))
    assert 8_640 * level_of_a_look(1.0, 1) <= 1.0

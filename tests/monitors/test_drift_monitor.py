"""Drift is measured against what the serving version says it was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from controller.core.readings import ReadingState
from controller.telemetry.schema import MODEL
from tests.monitors.telemetry_rows import T0, Watch, served

SHIFTED = "drift.shifted_features{arm=primary}[300s]"


def model(version: str = "v1", at_s: float = T0, mean: float = 0.0, **more):
    values = np.random.default_rng(1).normal(size=50_000) + mean
    edges = np.quantile(values, np.arange(1, 32) / 32)
    counts = np.bincount(np.searchsorted(edges, values), minlength=32)
    bins = {"edges": edges.tolist(), "counts": counts.tolist(), "null_count": 0}
    return {
        "at_s": at_s,
        "version": version,
        "arm": "primary",
        "status": "serving",
        "reference": [{"feature": name} | bins for name in ("clicks", "hour")],
    } | more


def watched(watch, shift: float, *, seconds: int = 200, first=None, rows_per_s: int = 10) -> Watch:
    set_: Watch = watch()
    set_.tick(T0)
    set_.feed([first or model()], MODEL)
    generator = np.random.default_rng(7)
    for second in range(1, seconds + 1):
        values = generator.normal(size=(rows_per_s, 2)) + np.array([shift, 0.0])
        set_.feed(
            [
                served(
                    T0 + second - 1 + n / rows_per_s,
                    inputs=[
                        {"feature": "clicks", "value": float(clicks)},
                        {"feature": "hour", "value": float(hour)},
                    ],
                )
                for n, (clicks, hour) in enumerate(values)
            ]
        )
        set_.tick(T0 + second)
    return set_


def test_what_looks_as_in_training_has_not_moved(watch) -> None:
    set_ = watched(watch, 0.0)
    assert set_[SHIFTED].value == 0.0
    assert set_["drift.psi{feature=clicks}[300s]"].value < 0.05
    assert set_[SHIFTED].sample_size == 2_000


def test_one_moved_feature_is_counted_and_the_other_is_not(watch) -> None:
    set_ = watched(watch, 1.0)
    assert set_[SHIFTED].value == 1.0
    assert set_["drift.psi{feature=clicks}[300s]"].value > 0.5
    assert set_["drift.psi{feature=hour}[300s]"].value < 0.05


def test_few_rows_are_insufficient(watch) -> None:
    set_ = watched(watch, 5.0, seconds=40)
    assert set_[SHIFTED].state is ReadingState.INSUFFICIENT
    assert set_[SHIFTED].note == "400 of 500"


def test_without_a_reference_nothing_is_known(watch) -> None:
    set_ = watched(watch, 5.0, first=model(status="candidate"))
    assert set_[SHIFTED].state is ReadingState.INSUFFICIENT
    assert set_[SHIFTED].note == "no model said what it was trained on"


def test_a_repeated_reference_keeps_the_counts_and_a_new_version_starts_anew(watch) -> None:
    set_ = watched(watch, 1.0)
    set_.feed([model(at_s=T0 + 200)], MODEL)
    set_.tick(T0 + 210)
    assert set_[SHIFTED].value == 1.0
    set_.feed([model("v2", at_s=T0 + 211, mean=1.0)], MODEL)
    set_.tick(T0 + 220)
    assert set_[SHIFTED].sample_size == 0
    assert set_[SHIFTED].state is not ReadingState.OK


@pytest.mark.parametrize(
    "bins",
    [
        {"edges": None, "counts": None, "null_count": None},
        {"edges": [2.0, 1.0], "counts": [1, 1, 1], "null_count": 0},
        {"edges": [float("nan")], "counts": [1, 1], "null_count": 0},
        {"edges": [1.0], "counts": [1], "null_count": 0},
    ],
)
def test_bins_that_are_none_leave_only_that_feature_out(watch, bins) -> None:
    broken = model()
    broken["reference"] = [{"feature": "clicks"} | bins, model()["reference"][1]]
    set_ = watched(watch, 1.0, first=broken, seconds=60)
    assert set_[SHIFTED].value == 0.0
    assert "drift.psi{feature=clicks}[300s]" not in {str(key) for key in set_.readings}

"""The reference: as many of the newest requests as there are, up to a limit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from controller.monitors.counting.batch_view import BatchView
from controller.monitors.model.attribution import AttributionTally
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import MODEL
from models import reference
from models.artifact import MANIFEST, Trained, _manifest, publish, read_manifest
from models.events import ClickHistory, events_from
from models.factorization import INPUT_NAMES, Factorization
from models.interactions import HOUR_S
from models.recommender import FeatureValues, Scored
from serving.replica_report import model_row


def test_the_limit_is_what_a_drift_decision_wants() -> None:
    assert reference.REQUESTS_LIMIT >= 50_000


def test_every_request_after_the_first_hour_is_in_while_there_are_few(
    table: pa.Table, model: Trained
) -> None:
    events = events_from(table)
    late = np.unique(events.request[events.at_s >= events.at_s[0] + HOUR_S])
    assert {bins.feature for bins in model.reference} == set(INPUT_NAMES)
    for bins in model.reference:
        assert sum(bins.counts) + bins.null_count == len(late)


def test_beyond_the_limit_the_newest_are_sampled(
    table: pa.Table, model: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = events_from(table)
    monkeypatch.setattr(reference, "REQUESTS_LIMIT", 200)
    asked: list[float] = []

    class Watched(ClickHistory):
        def recent(self, user: int, at_s: float) -> list[int]:
            asked.append(at_s)
            return super().recent(user, at_s)

    recommender = Factorization.from_arrays("v", model.arrays, model.parameters)
    bins = reference.reference_of(recommender, Watched(events), events, seed=1)
    assert {sum(one.counts) for one in bins} == {200}
    assert min(asked) > np.quantile(events.at_s, 1.0 - reference.NEWEST_SHARE - 0.1)


def rows_of(values: np.ndarray) -> list[dict[str, float]]:
    return [{"input": float(value)} for value in values]


def test_dependent_rows_have_a_wider_long_run_covariance_than_shuffled_ones() -> None:
    rng = np.random.default_rng(3)
    levels = np.repeat(rng.normal(size=1_000), 10) + 0.1 * rng.normal(size=10_000)

    def trace(values: np.ndarray) -> float:
        (bins,) = reference.reference_bins(rows_of(values))
        size = len(bins.counts) + 1
        return float(np.trace(np.reshape(bins.covariance, (size, size))))

    shuffled = trace(rng.permutation(levels))
    assert shuffled == pytest.approx(1.0 - 1.0 / reference.BINS, rel=0.2)
    assert trace(levels) > 4.0 * shuffled


def test_too_few_rows_tell_no_covariance() -> None:
    (bins,) = reference.reference_bins(rows_of(np.random.default_rng(4).normal(size=4_999)))
    assert bins.covariance == ()


def test_an_input_with_few_values_is_a_code_with_a_bin_for_each() -> None:
    (bins,) = reference.reference_bins(rows_of(np.array([3.0, 1.0, 7.0, 1.0, np.nan])))
    assert bins.categories == (1.0, 3.0, 7.0)
    assert (bins.counts, bins.null_count) == ((2, 1, 1), 1)


def test_contributions_up_and_down_do_not_cancel_out(table: pa.Table) -> None:
    class UpAndDown:
        version, asked = "v", 0

        def recommend(self, user: int, k: int, features: FeatureValues) -> Scored:
            self.asked += 1
            sign = 1.0 if self.asked % 2 else -1.0
            return Scored(("i",), (1.0,), {"a": 1.0, "b": 1.0}, {"a": 3.0 * sign, "b": 0.5})

    events = events_from(table)
    bins = reference.reference_of(UpAndDown(), ClickHistory(events), events, seed=1)
    assert {one.feature: one.mean_contribution for one in bins} == {"a": 3.0, "b": 0.5}


def test_what_training_says_of_contributions_is_what_attribution_compares_with(
    tmp_path: Path, model: Trained
) -> None:
    manifest = publish(tmp_path, model, arm="primary", parent="", work_id="", now_s=1e9)
    tally = AttributionTally()
    row = model_row(manifest, "primary", "file:///m")
    tally.update(BatchView(MODEL, 0, batch_from_rows(MODEL, [row])))
    means = tally.references["primary"].means
    said = {bins.feature: bins.mean_contribution for bins in model.reference}
    assert means == {name: mean for name, mean in said.items() if mean is not None}
    assert means["recent_affinity"] > 0.0


def test_a_version_of_before_covariances_still_loads(tmp_path, model: Trained) -> None:
    manifest = publish(tmp_path, model, arm="primary", parent="", work_id="", now_s=1e9)
    path = tmp_path / manifest.version / MANIFEST
    document = json.loads(path.read_bytes())
    for bins in document["reference"]:
        for name in ("covariance", "categories", "mean_contribution"):
            del bins[name]
    bare = _manifest(document)
    assert [bins.covariance for bins in bare.reference] == [()] * len(bare.reference)
    assert [b.counts for b in bare.reference] == [b.counts for b in manifest.reference]
    assert read_manifest(tmp_path, manifest.version) == manifest

"""Versions on disk: what was registered comes back bit for bit, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from models.artifact import MANIFEST, Trained
from models.errors import BadArtifact, UnknownVersion
from models.factorization import Factorization
from models.recommender import FeatureValues
from models.registry import Registry
from models.train import train_popularity

NOW_S = 1_800_000_000.0


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def test_scores_are_bit_equal_after_a_round_trip(registry: Registry, model: Trained) -> None:
    version = registry.register(model, arm="primary", now_s=NOW_S)
    loaded = registry.load(version)
    original = Factorization.from_arrays(version, model.arrays, model.parameters)
    features = FeatureValues(("i001", "i110"), {"i003": 4.0})
    for user_id in (1, 17, 2**63):
        assert loaded.recommend(user_id, 50, features) == original.recommend(user_id, 50, features)


def test_name_holds_arm_time_and_content(registry: Registry, model: Trained) -> None:
    version = registry.register(model, arm="primary", now_s=NOW_S)
    manifest = registry.manifest(version)
    assert version == f"primary-20270115T080000-{manifest.sha256[:8]}"
    assert manifest.reference == model.reference
    assert manifest.gate_metrics == model.gate_metrics
    assert registry.register(model, arm="primary", now_s=NOW_S) == version
    assert len(registry.versions()) == 1


def test_any_flipped_byte_is_refused_with_the_file(
    registry: Registry, model: Trained, tmp_path: Path
) -> None:
    version = registry.register(model, arm="primary", now_s=NOW_S)
    for path in sorted((tmp_path / version).iterdir()):
        content = path.read_bytes()
        for place in (0, len(content) // 2, len(content) - 2):
            broken = bytearray(content)
            broken[place] ^= 1
            path.write_bytes(broken)
            with pytest.raises(BadArtifact, match=path.name):
                registry.load(version)
        path.write_bytes(content)
    registry.load(version)


def test_a_missing_array_and_an_unknown_kind_are_refused(
    registry: Registry, model: Trained, tmp_path: Path
) -> None:
    version = registry.register(model, arm="primary", now_s=NOW_S)
    with pytest.raises(BadArtifact, match="'factorization' is not one of"):
        Registry(tmp_path, kinds={}).load(version)
    (tmp_path / version / "items.npy").unlink()
    with pytest.raises(BadArtifact, match="items.npy: missing"):
        registry.load(version)


@pytest.mark.parametrize("version", ["", "primary-1", "../x", ".by_work", "/etc"])
def test_an_unknown_version_is_said(registry: Registry, version: str) -> None:
    with pytest.raises(UnknownVersion):
        registry.load(version)


def test_an_array_of_objects_is_never_unpickled(
    registry: Registry, model: Trained, tmp_path: Path
) -> None:
    poisoned = Trained(model.kind, {"items": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle"):
        registry.register(poisoned, arm="primary", now_s=NOW_S)
    assert registry.versions() == ()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_work_id_registers_once(registry: Registry, model: Trained, table: pa.Table) -> None:
    first = registry.register(model, arm="primary", now_s=NOW_S, work_id="w1")
    other = train_popularity(table)
    assert isinstance(other, Trained)
    assert registry.register(other, arm="primary", now_s=NOW_S + 9, work_id="w1") == first
    assert [m.version for m in registry.versions()] == [first]
    assert registry.by_work("w1") == first
    assert registry.by_work("w2") is None


def test_the_loser_of_a_race_is_not_listed(
    registry: Registry, model: Trained, table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = registry.register(model, arm="primary", now_s=NOW_S, work_id="w1")
    other = train_popularity(table)
    assert isinstance(other, Trained)
    answers = iter([None])
    real = registry.by_work
    monkeypatch.setattr(registry, "by_work", lambda work_id: next(answers, real(work_id)))
    assert registry.register(other, arm="primary", now_s=NOW_S + 9, work_id="w1") == first
    assert [m.version for m in registry.versions()] == [first]


def test_latest_passes_over_candidates(registry: Registry, model: Trained) -> None:
    assert registry.latest("primary") is None
    old = registry.register(model, arm="primary", now_s=NOW_S)
    new = registry.register(model, arm="primary", now_s=NOW_S + 1)
    candidate = registry.register(model, arm="primary", now_s=NOW_S + 2, parent=new, work_id="w")
    registry.register(model, arm="other", now_s=NOW_S + 3)
    assert registry.latest("primary") == new != old
    assert registry.latest("primary", candidates=True) == candidate
    assert registry.manifest(candidate).parent == new


def test_a_damaged_version_hides_no_other(
    registry: Registry, model: Trained, tmp_path: Path
) -> None:
    old = registry.register(model, arm="primary", now_s=NOW_S)
    new = registry.register(model, arm="primary", now_s=NOW_S + 1)
    path = tmp_path / new / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"arm": "fallback"}))
    assert registry.latest("primary") == old

"""The first models, and candidates trained on what came later."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from models.artifact import Trained
from models.bootstrap import bootstrap
from models.errors import NoInteractions
from models.interactions import read_interactions, write_rows
from models.registry import Registry
from models.train import train_factorization

NOW_S = 1_800_090_000.0


def test_both_arms_are_registered_once(table: pa.Table, tmp_path: Path) -> None:
    write_rows(tmp_path / "interactions", "history-1.parquet", table)
    versions = bootstrap(tmp_path, NOW_S, seed=1)
    assert set(versions) == {"primary", "fallback"}
    assert bootstrap(tmp_path, NOW_S + 60.0, seed=2) == versions
    registry = Registry(tmp_path / "artifacts")
    assert registry.manifest(versions["primary"]).kind == "factorization"
    assert registry.manifest(versions["fallback"]).kind == "popularity"


def test_nothing_is_registered_without_interactions(tmp_path: Path) -> None:
    with pytest.raises(NoInteractions, match="no interactions"):
        bootstrap(tmp_path, NOW_S, seed=1)
    assert not (tmp_path / "artifacts").exists()


def test_nothing_is_registered_with_too_few(table: pa.Table, tmp_path: Path) -> None:
    write_rows(tmp_path / "interactions", "history-1.parquet", table.slice(0, 200))
    with pytest.raises(NoInteractions, match="too little"):
        bootstrap(tmp_path, NOW_S, seed=1)
    assert not (tmp_path / "artifacts").exists()


def test_a_retrained_candidate_contains_later_interactions(table: pa.Table, tmp_path: Path) -> None:
    middle_s = table["at_s"][len(table) // 2].as_py()
    folder = tmp_path / "interactions"
    write_rows(folder, "history-1.parquet", table.filter(pc.less(table["at_s"], middle_s)))
    registry = Registry(tmp_path / "artifacts")
    first = registry.manifest(bootstrap(tmp_path, NOW_S, seed=1)["primary"])
    later = table.filter(pc.greater_equal(table["at_s"], middle_s))
    write_rows(folder, "served-20270115T20-part-a-0.parquet", later)
    result = train_factorization(read_interactions(folder), seed=1)
    assert isinstance(result, Trained)
    candidate = registry.manifest(
        registry.register(result, arm="primary", now_s=NOW_S, parent=first.version, work_id="w")
    )
    assert first.data["last_at_s"] < middle_s < candidate.data["last_at_s"]
    assert candidate.data["rows"] == first.data["rows"] + len(later)

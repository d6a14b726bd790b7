"""Fixtures for serving: a service's data with trained models, and a router without Ray."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from models.bootstrap import bootstrap
from models.interactions import SCHEMA, write_rows

USERS, ITEMS, REQUESTS, SHOWN = 60, 80, 900, 10


def history(seed: int = 1) -> pa.Table:
    """Shown items of users who click what is near their taste."""
    rng = np.random.default_rng(seed)
    tastes = rng.integers(0, 4, USERS)
    rows: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
    for request in range(REQUESTS):
        user = int(rng.integers(USERS))
        shown = rng.choice(ITEMS, SHOWN, replace=False)
        for position, item in enumerate(shown):
            chance = 0.6 if item % 4 == tastes[user] else 0.05
            rows["request_id"].append(request.to_bytes(16, "big"))
            rows["at_s"].append(1_000.0 + request)
            rows["user_id"].append(user)
            rows["item_id"].append(f"item-{item}")
            rows["position"].append(position)
            rows["clicked"].append(bool(rng.random() < chance))
            rows["arm"].append("history")
            rows["source"].append("history")
    return pa.table(rows, schema=SCHEMA)


@pytest.fixture(scope="session")
def trained_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose registry holds a primary and a fallback."""
    folder = tmp_path_factory.mktemp("service")
    write_rows(folder / "interactions", "history-1.parquet", history())
    bootstrap(folder, now_s=2_000.0, seed=1)
    return folder

"""Synthetic sessions: users with a taste that drifts within a session, and items that get hot."""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pytest

from models.artifact import Trained
from models.interactions import SCHEMA
from models.train import train_factorization

GROUPS = 8
ITEMS_PER_GROUP = 15
START_S = 1_800_000_000.0


def sessions(*, seed: int = 0, users: int = 150, count: int = 900, hours: float = 12.0) -> pa.Table:
    """Each session stays in one random group of items; each hour one group is hot.

    So the recent items say which group the user is in, the hour's counters which group everyone
    is in, and the long-run tastes say little.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for start_s in np.sort(rng.uniform(0.0, hours * 3_600.0, size=count)):
        user = int(rng.integers(users))
        hot = int(start_s // 3_600) % GROUPS
        group = hot if rng.random() < 0.4 else int(rng.integers(GROUPS))
        for step in range(7):
            request = uuid.UUID(int=int(rng.integers(2**62))).bytes
            shown = rng.choice(GROUPS * ITEMS_PER_GROUP, size=10, replace=False)
            mine = [item for item in shown if item // ITEMS_PER_GROUP == group]
            clicked = mine[0] if mine else -1
            rows.extend(
                {
                    "request_id": request,
                    "at_s": START_S + float(start_s) + step * 20.0,
                    "user_id": user + 1,
                    "item_id": f"i{item:03d}",
                    "position": position,
                    "clicked": bool(item == clicked),
                    "arm": "primary",
                    "source": "served",
                }
                for position, item in enumerate(shown)
            )
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return table.sort_by([("at_s", "ascending"), ("request_id", "ascending")])


@pytest.fixture(scope="session")
def table() -> pa.Table:
    return sessions()


@pytest.fixture(scope="session")
def model(table: pa.Table) -> Trained:
    """A factorization of the whole table."""
    result = train_factorization(table, seed=1)
    assert isinstance(result, Trained)
    return result

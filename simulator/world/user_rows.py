"""How many served rows are of users: the same question for whoever sends, loses or reads them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from controller.telemetry.slab import SlabPart
from simulator.visits import Integers


def users_in(part: SlabPart) -> int:
    """Of some served rows; the column is counted once for the whole slab."""
    before = part.slab.once("users before", lambda: _users_before(part.slab.batch))
    return int(before[part.start + part.num_rows] - before[part.start])


def _users_before(batch: pa.RecordBatch) -> Integers:
    """(rows + 1,) users above each row."""
    role = batch.column("role")
    is_user = np.array([name == "user" for name in role.dictionary.to_pylist()])
    counted = np.cumsum(is_user[role.indices.to_numpy()])
    return np.concatenate([[0], counted])

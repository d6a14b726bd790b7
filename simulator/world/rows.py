"""The columns of handled requests, and putting the parts of a slab together into one `Handled`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.visits import Integers
from simulator.world import draws
from simulator.world.handled import Handled, Role
from simulator.world.slab import Slab

Columns = dict[str, NDArray[Any]]
"""By the names of `Handled`'s fields, all of one length."""

TYPES: dict[str, type[np.generic]] = {
    "visit": np.int64,
    "role": np.int8,
    "request_id": np.uint64,
    "at_us": np.int64,
    "done_us": np.int64,
    "drawn": np.int8,
    "chances_id": np.int64,
    "stamped": np.bool_,
    "result": np.int8,
    "reason": np.int8,
    "elapsed_us": np.int64,
    "second_us": np.int64,
    "served_by": np.int8,
    "outcome": np.int8,
    "latency_us": np.int64,
    "queue_depth": np.int64,
    "cache": np.int8,
    "age_us": np.int64,
    "defaulted": np.bool_,
}


@dataclass(frozen=True, slots=True)
class Part:
    """Some slots of a slab."""

    users: Columns
    probes: Columns


def user_columns(slab: Slab, visit: Integers, columns: Columns) -> Columns:
    """Add what is the visit's own, and the types of `Handled`."""
    return _typed(slab, visit, Role.USER, slab.request_id[visit], columns)


def probe_columns(slab: Slab, visit: Integers, columns: Columns) -> Columns:
    """The same for probes of the arms ``drawn``."""
    v, service = slab.visits, slab.service
    request_id = draws.probe_ids(
        service.seed,
        v.number[visit],
        v.router[visit],
        service.settings.partitions,
        columns["drawn"].astype(np.int64),
    )
    return _typed(slab, visit, Role.PROBE, request_id, columns)


def joined(slab: Slab, parts: Sequence[Part]) -> Handled:
    """Users' requests first, then probes, each in order of time."""
    blocks = [part.users for part in parts] + [part.probes for part in parts]
    blocks = [block for block in blocks if len(block["visit"])] or [parts[0].users]
    columns = (
        blocks[0]
        if len(blocks) == 1
        else {name: np.concatenate([block[name] for block in blocks]) for name in TYPES}
    )
    return Handled(
        plan=slab.plan,
        visits=slab.visits,
        chances=slab.chances.distinct,
        versions=slab.versions,
        **columns,
    )


def _typed(
    slab: Slab, visit: Integers, role: Role, request_id: draws.Words, columns: Columns
) -> Columns:
    at_us = slab.visits.at_us[visit]
    groups = len(slab.service.settings.feature_groups)
    wide = {name: columns[name].reshape(-1, groups) for name in ("age_us", "defaulted")}
    full = {
        **columns,
        **wide,
        "visit": visit,
        "role": np.full(len(visit), role),
        "request_id": request_id,
        "at_us": at_us,
        "done_us": at_us + columns["latency_us"].astype(np.int64),
    }
    return {name: full[name].astype(kind, copy=False) for name, kind in TYPES.items()}

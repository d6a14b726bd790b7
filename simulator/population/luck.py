"""All that chance decides about a request, drawn before anything is known of the service."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.population.streams import Streams

NORMAL = ("z_service", "z_local", "z_probe", "z_delay")
UNIFORM = (
    "u_replica",
    "u_slow",
    "u_error",
    "u_null",
    "u_jitter",
    "u_sample",
    "u_loss",
    "u_double",
)


def drawn(
    streams: Streams, lane: str, block: int, shape: tuple[int, int], routers: int
) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
    """Columns of `Visits` for ``shape`` = (visits, slate size). Each has a stream of its own,
    named by lane and block, and takes one call."""
    count = shape[0]
    columns: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
        "router": streams.named(f"{lane} router", block).integers(routers, size=count),
        "u_click": streams.named(f"{lane} u_click", block).random(shape),
    }
    for name in NORMAL:
        columns[name] = streams.named(f"{lane} {name}", block).standard_normal(count)
    for name in UNIFORM:
        columns[name] = streams.named(f"{lane} {name}", block).random(count)
    return columns

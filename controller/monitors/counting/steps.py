"""Rows by the step of time that they lie in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def by_step(
    seconds: NDArray[np.int64], step_s: int
) -> Iterator[tuple[int, slice | NDArray[np.bool_]]]:
    """Each step of ``step_s`` that some of the seconds lie in, ascending, and which ones do."""
    if not seconds.size:
        return
    steps = seconds if step_s == 1 else seconds // step_s
    low, high = int(np.minimum.reduce(steps)), int(np.maximum.reduce(steps))
    if low == high:
        yield low, slice(None)
        return
    for step in np.unique(steps).tolist():
        yield step, steps == step

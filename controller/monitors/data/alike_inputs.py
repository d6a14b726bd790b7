"""Input rows that all name the same features in the same order, as one recommender's do.

Then they are a table: names need to be read once, not once per value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.batch_view import BatchView


class AlikeInputs(NamedTuple):
    """``values`` (rows, names) of those ``rows`` of the batch that show their inputs."""

    rows: NDArray[np.int64]
    names: tuple[str, ...]
    values: NDArray[np.float64]


def alike_inputs(rows: BatchView) -> AlikeInputs | None:
    """Of a whole slab, made once; None where rows differ in what they name, where a name is
    missing, or comes twice.
    """
    found: AlikeInputs | None = rows.made("inputs.alike", lambda whole: alike(whole, "inputs"))
    return found


def alike(rows: BatchView, column: str) -> AlikeInputs | None:
    """The same of any column of features and their values."""
    told = rows.nested(column)
    names = told.repeated("feature")
    if names is None:
        return None
    values = told.numbers("value").reshape(-1, told.width)
    return AlikeInputs(told.holders, names, values)

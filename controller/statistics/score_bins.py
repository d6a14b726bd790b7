"""Bins of about equal size over finely counted scores, fixed by what was learnt of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def bin_of_cell(learnt: Counts, bins: int) -> NDArray[np.int64]:
    """(cells,) the bin, 0 to ``bins``, of each cell: by the share of what was learnt below its
    middle. A cell is never split, so a bin may stay empty.

    >>> bin_of_cell(np.array([0, 5, 1, 4, 0]), 2).tolist()
    [0, 0, 1, 1, 1]
    """
    upto = learnt.cumsum()
    middle = upto - learnt / 2.0
    return np.minimum(middle * bins // max(1, int(upto[-1])), bins - 1).astype(np.int64)


def binned(counts: Counts, bin_of: NDArray[np.int64], bins: int) -> Counts:
    """(bins,) counts of the cells of each bin."""
    found = np.bincount(bin_of, weights=counts, minlength=bins)  # exact below 2 ** 53
    return found.astype(np.int64)

"""Rows of equal value side by side, without losing their order: what loops over users become."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.population.people import Integers


@dataclass(frozen=True, slots=True)
class Groups:
    """All of length n."""

    order: Integers
    """Rows, by value, then as they came."""
    first: Integers
    """By place in ``order``: the place where its group begins."""
    is_last: NDArray[np.bool_]
    """By place in ``order``: it ends its group."""


def grouped(values: Integers, limit: int) -> Groups:
    """Values are 0 up to ``limit``, not included."""
    keys = values.astype(np.uint16) if limit <= 1 << 16 else values  # 16 bits sort by radix
    order = np.argsort(keys, kind="stable")
    placed = values[order]
    begins = np.ones(len(values), dtype=bool)
    np.not_equal(placed[1:], placed[:-1], out=begins[1:])
    first = np.maximum.accumulate(np.where(begins, np.arange(len(values)), 0))
    is_last = np.ones(len(values), dtype=bool)
    is_last[:-1] = begins[1:]
    return Groups(order, first, is_last)

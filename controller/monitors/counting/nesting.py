"""Named arrays of several parts in one flat table: ``part/name``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def nested(**parts: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Put each part's arrays under its name."""
    return {f"{part}/{name}": a for part, arrays in parts.items() for name, a in arrays.items()}


def unnested(arrays: Mapping[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    """One part's arrays again."""
    start = f"{part}/"
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}


def text_array(values: list[str]) -> NDArray[Any]:
    """Text as a plain array, also when there is none."""
    return np.array(values, dtype=np.str_)

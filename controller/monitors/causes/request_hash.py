"""Request ids as well-mixed 64-bit numbers: the same id gives the same number anywhere."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
ID_BYTES = 16


def hashes_of(ids: pa.FixedSizeBinaryArray) -> Hashes:
    """Of 16-byte ids; a null is some number.

    The finalizer of splitmix64 (Steele, Lea and Flood 2014) over both halves.
    """
    raw = np.frombuffer(ids.buffers()[1], np.uint64, (ids.offset + len(ids)) * 2)
    pairs = raw[ids.offset * 2 :].reshape(-1, 2)
    mixed = pairs[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ pairs[:, 1]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Hashes = mixed ^ (mixed >> np.uint64(31))
    return found

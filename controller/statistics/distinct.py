"""How many distinct things there were, from which of a fixed number of cells they fell into.

Linear counting (Whang, Vander-Zanden & Taylor 1990): n = -m ln(share of empty cells). With m =
4,096 cells the standard error is 1.1 % at 2,000 things and 1.8 % at 10,000; beyond about 30,000 no
cell stays empty and the answer is capped.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

CELLS = 4_096
_WORD = 8
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)
_FOLD = np.uint64(29)
_TOP = np.uint64(64 - 12)
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(_WORD)] + [2**64 - 1], dtype=np.uint64)
"""Keeps the first n bytes of a little-endian word."""


def distinct(filled: int, cells: int = CELLS) -> float:
    """The estimate when ``filled`` of ``cells`` are not empty; as if half a one were, at most."""
    if filled <= 0:
        return 0.0
    empty = max(0.5, float(cells - filled))
    return -cells * math.log(empty / cells)


def cells_of(names: pa.StringArray) -> NDArray[np.int64]:
    """The cell of each name, 0 to `CELLS`; -1 where it is null.

    A multiplicative hash of each name's UTF-8 bytes, eight at a time, with its length: the same
    everywhere and at every time, and it needs no table of the names there are.
    """
    count = len(names)
    if not count:
        return np.zeros(0, np.int64)
    _, offsets_of, data = names.buffers()
    offsets = np.frombuffer(offsets_of, np.int32)[names.offset : names.offset + count + 1]
    starts, lengths = offsets[:-1].astype(np.int64), np.diff(offsets)
    used = memoryview(data)[: offsets[-1]] if data is not None else b""
    padded = np.frombuffer(bytes(used) + bytes(_WORD), np.uint8)
    # A word at every byte; reading past a name's end is masked off below.
    words = np.ndarray((padded.size - _WORD + 1,), "<u8", padded, strides=(1,))
    hashed = lengths.astype(np.uint64) * _MIX
    for at in range(0, int(lengths.max(initial=0)), _WORD):
        left = lengths - at
        if at and int(left.min()) <= 0:
            mine = np.flatnonzero(left > 0)
            hashed[mine] = _mixed(hashed[mine], words.take(starts[mine] + at), left[mine])
        else:
            hashed = _mixed(hashed, words.take(starts + at), left)
    cells = (hashed >> _TOP).astype(np.int64)
    if names.null_count:
        cells[~names.is_valid().to_numpy(zero_copy_only=False)] = -1
    return cells


def _mixed(
    hashed: NDArray[np.uint64], words: NDArray[np.uint64], left: NDArray[np.int32]
) -> NDArray[np.uint64]:
    words &= _MASKS.take(left, mode="clip")  # a whole word has the last mask
    mixed: NDArray[np.uint64] = (hashed ^ words) * _MIX
    mixed ^= mixed >> _FOLD
    mixed *= _MIX
    return mixed

"""Python values to one Arrow column, quicker than converting them one by one where few differ.

Serving pays for every row it writes, and most of its text columns hold two or three names.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence, Sized
from functools import lru_cache
from itertools import accumulate
from typing import Any

import pyarrow as pa

NUMBERS = {
    pa.float64(): "d",
    pa.float32(): "f",
    pa.int64(): "q",
    pa.uint64(): "Q",
    pa.int32(): "i",
    pa.int16(): "h",
}
"""Types whose memory is that of Python's own arrays."""
LONG = 4_096
"""Values of a kept column that says the same over and over: others are slices of it."""


def column_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """The same as ``pa.array(values, kind)``. Raise pa.ArrowException or TypeError as it does."""
    if isinstance(values, list):
        first, count = values[0] if values else None, len(values)
        is_same = values.count(first) == count
        if is_same and first is None:
            return pa.nulls(count, kind)
        if pa.types.is_dictionary(kind):
            if is_same and count <= LONG:
                return _one_label(first, kind).slice(0, count)
            return _coded(values, kind)
    return pa.array(values, kind)


def _coded(values: list[Any], kind: pa.DictionaryType) -> pa.Array:
    places: dict[Any, int] = {}
    codes = [None if v is None else places.setdefault(v, len(places)) for v in values]
    names = pa.array(list(places), kind.value_type)
    return pa.DictionaryArray.from_arrays(pa.array(codes, kind.index_type), names)


@lru_cache(maxsize=64)
def _one_label(name: Any, kind: pa.DictionaryType) -> pa.DictionaryArray:
    indices = _repeated((0,), kind.index_type)
    return pa.DictionaryArray.from_arrays(indices, pa.array([name], kind.value_type))


def numbers(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column of numbers or None. Raise pa.ArrowException for anything else."""
    try:
        filled = array(NUMBERS[kind], values)
    except (TypeError, OverflowError, KeyError):
        return pa.array(values, kind)
    return pa.Array.from_buffers(kind, len(filled), [None, pa.py_buffer(filled)])


def texts(values: list[str], period: int) -> pa.Array:
    """A column of text; quick where the first ``period`` values come over and over."""
    count = len(values)
    if period and values == values[:period] * (count // period):
        column = over_and_over(tuple(values[:period]), pa.string(), count)
        if column is not None:
            return column
    return pa.array(values, pa.string())


def over_and_over(values: tuple[Any, ...], kind: pa.DataType, count: int) -> pa.Array | None:
    """The first ``count`` of these values over and over; None for more than are kept."""
    if not values or not 0 < count <= LONG // len(values) * len(values):
        return None
    return _repeated(values, kind).slice(0, count)


@lru_cache(maxsize=64)
def _repeated(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    return pa.array(values * (LONG // len(values)), kind)


def lists(kind: pa.ListType, rows: Iterable[Sized], elements: pa.Array) -> pa.ListArray:
    """A column of lists: each of ``rows`` takes as many of the ``elements`` as it is long."""
    ends = array("i", accumulate(map(len, rows), initial=0))
    parts = [None, pa.py_buffer(ends)]
    return pa.Array.from_buffers(kind, len(ends) - 1, parts, children=[elements])

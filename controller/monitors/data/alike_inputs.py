"""Input rows that all name the same features in the same order, as one recommender's do.

Then they are a table: names need to be read once, not once per value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from controller.monitors.counting.batch_view import BatchView, numbers


class AlikeInputs(NamedTuple):
    """``values`` (rows, names) of those ``rows`` of the batch that show their inputs."""

    rows: NDArray[np.int64]
    names: tuple[str, ...]
    values: NDArray[np.float64]


def alike_inputs(rows: BatchView) -> AlikeInputs | None:
    """None where rows differ in what they name, where a name is missing, or comes twice."""
    column = rows.batch.column("inputs")
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    shown = np.flatnonzero(lengths)
    if not shown.size:
        return None
    width = int(lengths[shown[0]])
    if np.any(lengths[shown] != width):
        return None
    elements = column.flatten()
    feature = elements.field("feature")
    names = feature.slice(0, width).to_pylist()
    if None in names or len(set(names)) < width or not _repeats(feature, width):
        return None
    values = numbers(elements.field("value")).reshape(-1, width)
    return AlikeInputs(shown, tuple(names), values)


def _repeats(texts: pa.Array, width: int) -> bool:
    """Whether a plain text column is its first elements over and over, seen from its bytes."""
    if texts.null_count or texts.type != pa.string():
        return False
    _, offsets_buffer, data_buffer = texts.buffers()
    after = texts.offset + len(texts) + 1
    ends = np.frombuffer(offsets_buffer, np.int32)[texts.offset : after]
    sizes = np.diff(ends).reshape(-1, width)
    if np.any(sizes != sizes[0]):
        return False
    data = np.frombuffer(data_buffer or b"", np.uint8)[ends[0] : ends[-1]]
    block = data.reshape(len(sizes), -1)
    return not np.any(block != block[0])

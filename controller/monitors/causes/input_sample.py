"""Some of the model's input rows of every minute, with the values of their columns.

Of each step the rows whose hashed ids are least are kept, so a sample of a union is the sample of
the samples: exact in any order, fair to every group, and of bounded size at any traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.monitors.causes.request_hash import Hashes
from controller.monitors.counting.nesting import text_array
from controller.monitors.counting.slots import safe_label

STEP_S = 60
ROWS_PER_STEP = 256
MOST_FEATURES = 64
"""Beyond it new names are not taken."""


class SampledRows(NamedTuple):
    """``codes`` in shape (rows, columns), ``values`` in shape (rows, features), NaN for null."""

    hashes: Hashes
    codes: NDArray[np.uint8]
    values: NDArray[np.float32]


class InputSample:
    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._features: dict[str, int] = {}
        self._steps: dict[int, SampledRows] = {}

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(self._features)

    def limit(self, step: int) -> int:
        """Hashes from here on are not taken in this step any more."""
        held = self._steps.get(step)
        if held is None or held.hashes.size < ROWS_PER_STEP:
            return 2**64
        return int(held.hashes[-1])

    def places_of(self, names: Sequence[str]) -> NDArray[np.int64]:
        """The column of each feature, new ones included; -1 beyond the limit."""
        found = []
        for name in names:
            label = safe_label(name)
            if label not in self._features and len(self._features) < MOST_FEATURES:
                self._features[label] = len(self._features)
            found.append(self._features.get(label, -1))
        return np.array(found, np.int64)

    def add(self, step: int, rows: SampledRows) -> None:
        """Take those among the least hashes of the step, each once."""
        held = self._steps.get(step)
        if held is not None:
            width = max(held.values.shape[1], rows.values.shape[1])
            rows = SampledRows(
                np.concatenate((held.hashes, rows.hashes)),
                np.concatenate((held.codes, rows.codes)),
                np.concatenate((_wide(held.values, width), _wide(rows.values, width))),
            )
        hashes, first = np.unique(rows.hashes, return_index=True)
        first = first[:ROWS_PER_STEP]
        if first.size:
            kept = SampledRows(hashes[: first.size], rows.codes[first], rows.values[first])
            self._steps[step] = kept

    def rows(self, start_s: float, end_s: float) -> SampledRows:
        """Of the steps that begin in [start_s, end_s), in order of time."""
        width = len(self._features)
        found = [
            self._steps[step] for step in sorted(self._steps) if start_s <= step * STEP_S < end_s
        ]
        return SampledRows(
            np.concatenate([np.zeros(0, np.uint64), *(r.hashes for r in found)]),
            np.concatenate([np.zeros((0, self._columns), np.uint8), *(r.codes for r in found)]),
            np.concatenate(
                [np.zeros((0, width), np.float32), *(_wide(r.values, width) for r in found)]
            ),
        )

    def merge(self, other: InputSample) -> None:
        places = self.places_of(other.features)
        for step, rows in other._steps.items():
            values = np.full((len(rows.values), len(self._features)), np.nan, np.float32)
            mine = places[: rows.values.shape[1]]
            values[:, mine[mine >= 0]] = rows.values[:, np.flatnonzero(mine >= 0)]
            self.add(step, rows._replace(values=values))

    def forget(self, before_s: float, after_s: float) -> None:
        """Drop steps that end before ``before_s`` or begin after ``after_s``."""
        first, last = before_s / STEP_S - 1.0, after_s / STEP_S
        for step in [s for s in self._steps if not first <= s <= last]:
            del self._steps[step]

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Rows of all steps, one after the other."""
        sizes = [each.hashes.size for each in self._steps.values()]
        width = len(self._features)
        every = list(self._steps.values())
        return {
            "features": text_array(list(self._features)),
            "steps": np.repeat(np.array(list(self._steps), np.int64), sizes),
            "hashes": np.concatenate([np.zeros(0, np.uint64), *(r.hashes for r in every)]),
            "codes": np.concatenate(
                [np.zeros((0, self._columns), np.uint8), *(r.codes for r in every)]
            ),
            "values": np.concatenate(
                [np.zeros((0, width), np.float32), *(_wide(r.values, width) for r in every)]
            ),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        names, steps, hashes = arrays["features"].tolist(), arrays["steps"], arrays["hashes"]
        codes, values = arrays["codes"], arrays["values"]
        shapes = (steps.shape, hashes.shape, codes.shape, values.shape)
        wanted = ((steps.size,), (steps.size,), (steps.size, self._columns))
        if shapes != (*wanted, (steps.size, len(names))) or hashes.dtype != np.uint64:
            raise ValueError("sampled inputs are not in a shape this program writes")
        self._features = {str(name): place for place, name in enumerate(names)}
        self._steps = {}
        for step in np.unique(steps).tolist():
            mine = steps == step
            self.add(step, SampledRows(hashes[mine], codes[mine], values[mine]))


def _wide(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """With columns added for features that came later: null in all rows."""
    if values.shape[1] == width:
        return values
    wider = np.full((len(values), width), np.nan, np.float32)
    wider[:, : values.shape[1]] = values
    return wider

"""Ticks as they lie in a journal's frame: columns, of which a replay looks at a few numbers.

A tick records the whole catalogue and the judge reads some of it, so a reading is made when it is
asked for. Ticks of a frame share their columns, and ticks of the same series share their index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey
from controller.shell.journal_row import ReadingRow, signal_key

_STATES = {state.value: state for state in ReadingState}


class Columns:
    """All readings of one frame, flat; the ticks are spans of them."""

    def __init__(self, readings: pa.StructArray) -> None:
        names = [field.name for field in readings.type]
        by_name = dict(zip(names, readings.flatten(), strict=True))
        self.texts, self.codes = _coded(by_name["key"])
        self._states, self._state_codes = _coded(by_name["state"])
        self._notes, self._note_codes = _coded(by_name["note"])
        self._values = by_name["value"].to_numpy(zero_copy_only=False)
        self._is_given = by_name["value"].is_valid().to_numpy(zero_copy_only=False)
        self._samples = by_name["sample_size"].to_numpy()
        self._starts_s = by_name["window_start_s"].to_numpy()
        self._ends_s = by_name["window_end_s"].to_numpy()

    def row(self, at: int) -> ReadingRow:
        return ReadingRow(
            self.texts[self.codes[at]],
            float(self._values[at]) if self._is_given[at] else None,
            self._states[self._state_codes[at]],
            int(self._samples[at]),
            float(self._starts_s[at]),
            float(self._ends_s[at]),
            self._notes[self._note_codes[at]],
        )

    def index(self, start: int, end: int) -> dict[SignalKey, int]:
        """Each series' place in the span."""
        return _index(self.texts, self.codes[start:end].tobytes())


class TickReadings(Mapping[SignalKey, Reading]):
    """One tick's readings, for the judge."""

    def __init__(self, columns: Columns, start: int, end: int) -> None:
        self._columns = columns
        self._start = start
        self._index = columns.index(start, end)

    def __getitem__(self, key: SignalKey) -> Reading:
        row = self._columns.row(self._start + self._index[key])
        return Reading(row.value, _STATES[row.state], *row[3:])

    def __iter__(self) -> Iterator[SignalKey]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)


class TickRows(Sequence[ReadingRow]):
    """The same readings as rows of the journal; equal to a tuple of the same rows."""

    def __init__(self, columns: Columns, start: int, end: int) -> None:
        self._columns, self._start, self._end = columns, start, end

    def readings(self) -> TickReadings:
        return TickReadings(self._columns, self._start, self._end)

    def __len__(self) -> int:
        return self._end - self._start

    @overload
    def __getitem__(self, place: int) -> ReadingRow: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[ReadingRow, ...]: ...
    def __getitem__(self, place: int | slice) -> ReadingRow | tuple[ReadingRow, ...]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._columns.row(self._start + place % len(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


def _coded(column: pa.DictionaryArray) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    return tuple(column.dictionary.to_pylist()), column.indices.to_numpy(zero_copy_only=False)


@lru_cache(maxsize=256)
def _index(texts: tuple[str, ...], codes: bytes) -> dict[SignalKey, int]:
    keys = [signal_key(text) for text in texts]
    places = memoryview(codes).cast("i")
    return {keys[code]: place for place, code in enumerate(places)}

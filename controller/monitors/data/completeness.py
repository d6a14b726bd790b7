"""What is missing in users' rows, and segment values that settings do not name.

Rows are counted once; beside them only what is not as it should be, so that whole rows cost next to
nothing. A column is looked at in rows of which it may be expected: users' valid requests that were
answered in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.telemetry.schema import SEGMENT_PREFIX, SERVED

WINDOW_S = 60.0
STEP_S = 10
LEAST_ROWS = 50
EXPECTED = (
    "request_id",
    "unit_id",
    "arm",
    "served_by",
    "propensities",
    "attempts",
    "latency_ms",
    "slate",
    "feature_ages",
    "top_score",
    "cpu_ms",
)
"""Columns that some signal needs of every request answered in time."""
UNSEEN = SignalSpec(
    "unseen_share",
    "share",
    ("segment",),
    LEAST_ROWS,
    WINDOW_S,
    "Share of the segment's values that settings do not name, among those there are",
)
MISSING = SignalSpec(
    "missing_share",
    "share",
    ("segment",),
    LEAST_ROWS,
    WINDOW_S,
    "Share of users' requests without a value of the segment",
)
NULL = SignalSpec(
    "null_share",
    "share",
    ("column",),
    LEAST_ROWS,
    WINDOW_S,
    "Share of users' requests answered in time whose row lacks the column",
)
EMPTY_COLUMNS = SignalSpec(
    "empty_columns",
    "count",
    (),
    LEAST_ROWS,
    WINDOW_S,
    "Expected columns that no row holds",
)
SPECS = (UNSEEN, MISSING, NULL, EMPTY_COLUMNS)
_UNSEEN, _MISSING = 0, 1
_NO_FAULTS = [0, 0]


class CompletenessTally:
    def __init__(self, segments: Mapping[str, tuple[str, ...]]) -> None:
        self._segments = segments
        names = tuple(SEGMENT_PREFIX + name for name in segments)
        self.rows = Slots(1, first=("",), step_s=STEP_S)
        self.faults = Slots(2, first=(*names, *EXPECTED), step_s=STEP_S)
        self._key = ("completeness", tuple(segments.items()))

    def update(self, rows: BatchView) -> None:
        first_s, last_s = rows.span("done_at_s")
        if first_s // STEP_S == last_s // STEP_S:  # nearly always: one count for all rows
            expected: Any = rows.sliced("completeness.expected", _whether_expected)
            self.rows.bump("", int(first_s), int(np.count_nonzero(expected)))
        else:
            self.rows.count(rows.events("completeness.rows", _looked_at, "done_at_s"))
        self.faults.count(rows.events(self._key, self._found, "done_at_s"))

    def _found(self, rows: BatchView) -> RowEvents:
        """Every value of an expected row that is missing or unknown, in order of rows."""
        expected = _expected(rows)
        kinds = [self._segment(rows, name) for name in self._segments]
        kinds += [_column(rows, name) for name in EXPECTED]
        found = [
            (place, np.flatnonzero(expected & (kind >= 0)), kind)
            for place, kind in enumerate(kinds)
            if kind is not None
        ]
        names = (*(SEGMENT_PREFIX + name for name in self._segments), *EXPECTED)
        if not found:
            nothing = np.zeros(0, dtype=np.int64)
            none = nothing.astype(np.bool_)
            return RowEvents.of(rows.row_count, names, none, nothing, nothing, nothing, nothing)
        at = np.concatenate([rows_of for _, rows_of, _ in found])
        codes = np.repeat([p for p, _, _ in found], [r.size for _, r, _ in found]).astype(np.int64)
        cells = np.concatenate([kind[r] for _, r, kind in found])
        order = np.argsort(at, kind="stable")
        at = at[order]
        every = np.ones(at.size, dtype=np.bool_)
        seconds = columns.done_s(rows)[at]
        return RowEvents.of(rows.row_count, names, every, at, codes[order], seconds, cells[order])

    def _segment(self, rows: BatchView, name: str) -> NDArray[np.int64] | None:
        """By row: -1 where the value is as it should be; None where all are."""
        column, known = SEGMENT_PREFIX + name, dict.fromkeys(self._segments[name], -1)
        try:
            values = rows.batch.column(column)
        except KeyError:
            return np.full(rows.row_count, _MISSING, dtype=np.int64)
        labels = rows.labels(column)
        if not values.null_count and known.keys() >= set(labels.names):
            return None
        return columns.translated(labels, known, _UNSEEN, _MISSING)

    def merge(self, other: CompletenessTally) -> None:
        self.rows.merge(other.rows)
        self.faults.merge(other.faults)

    def forget(self, before_s: float, after_s: float) -> None:
        self.rows.forget(before_s, after_s)
        self.faults.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return nested(rows=self.rows.snapshot(), faults=self.faults.snapshot())

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.rows.restore(unnested(arrays, "rows"))
        self.faults.restore(unnested(arrays, "faults"))


def _expected(rows: BatchView) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = rows.made("completeness.expected", _whether_expected)
    return found


def _whether_expected(rows: BatchView) -> Any:
    """By row of the slab, as an array."""
    return columns.of_users(rows) & rows.labels("outcome").equal("ok")


def _looked_at(rows: BatchView) -> RowEvents:
    nothing = np.zeros(rows.row_count, dtype=np.int64)
    kept, at_s = _expected(rows), columns.done_s(rows)
    return RowEvents.of(rows.row_count, ("",), kept, None, 0, at_s, nothing)


def _column(rows: BatchView, name: str) -> NDArray[np.int64] | None:
    """By row: `_MISSING` or -1; None where none is missing."""
    if not rows.batch.column(name).null_count:
        return None
    return np.where(rows.present(name), -1, _MISSING)


class CompletenessReader(Reader):
    def __init__(self, segments: tuple[str, ...]) -> None:
        self._families = (
            Family((UNSEEN, MISSING), "segment", segments, is_open=False),
            Family((NULL,), "column", EXPECTED, is_open=False),
            Family((EMPTY_COLUMNS,)),
        )

    def families(self, tally: CompletenessTally) -> tuple[Family, ...]:  # noqa: ARG002
        return self._families

    def reading(self, key: SignalKey, tally: CompletenessTally, tick: TickView) -> Reading:
        window, idle = tick.window(key.window_s), "no user was answered in time"
        total, faults = tick.once((self, window), lambda: _counted(tally, window))
        if key.name == EMPTY_COLUMNS.name:
            lacking = [faults.get(name, _NO_FAULTS)[_MISSING] for name in EXPECTED]
            value = float(sum(count == total for count in lacking))
            return tick.reading(EMPTY_COLUMNS, (SERVED,), window, value, total, idle)
        name = key.labels[0][1]
        series = name if key.name == NULL.name else SEGMENT_PREFIX + name
        unseen, missing = faults.get(series, _NO_FAULTS)
        if key.name == UNSEEN.name:
            present = total - missing
            share = unseen / present if present else None
            return tick.reading(UNSEEN, (SERVED,), window, share, present, "" if total else idle)
        spec = NULL if key.name == NULL.name else MISSING
        share = missing / total if total else None
        return tick.reading(spec, (SERVED,), window, share, total, idle)


def _counted(
    tally: CompletenessTally, window: tuple[float, float]
) -> tuple[int, dict[str, list[int]]]:
    """Rows, and what is wrong with them by series, where anything was counted."""
    faults = tally.faults.windows(*window).tolist()
    return int(tally.rows.window("", *window)[0]), dict(
        zip(tally.faults.names(), faults, strict=False)
    )


def _tally(settings: Settings) -> CompletenessTally:
    return CompletenessTally(settings.segments)


def _reader(settings: Settings) -> CompletenessReader:
    return CompletenessReader(tuple(settings.segments))


MONITOR = Monitor("completeness", (SERVED,), SPECS, _tally, _reader, every_s=STEP_S)

"""Values outside of what the schema allows, by topic: a producer that counts or names wrongly.

Each check first asks the least, the largest or the names of a whole column, so that rows as they
should be cost next to nothing. Null is no violation (see `completeness`), nor is a column nobody
sends. Rows without a usable time are refused before (`source.broken`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import LATEST_S, BatchView, numbers
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.slots import Slots
from controller.monitors.data.features import said_ages
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.sources import EVENT_TIME
from controller.monitors.system import columns
from controller.monitors.tick import TickView
from controller.telemetry.schema import OUTCOME, REPLICA, SERVED

WINDOW_S = 60.0
STEP_S = 10
VIOLATIONS = SignalSpec(
    "schema_violations",
    "count",
    ("topic",),
    1,
    WINDOW_S,
    "Values outside of what the schema allows; the sample is the rows looked at",
)
_ROW, _VIOLATION = 0, 1
_RESULTS = frozenset(("ok", "late", "error", "cancelled", "skipped"))
FINITE = float(np.finfo(np.float64).max)
"""The largest number there is: infinity is a violation wherever it stands."""
Rows = NDArray[np.int64]
Check = Callable[[BatchView], Rows | None]
"""The row of each violation; None where there is none."""


def named(column: str, *allowed: str) -> Check:
    """A text column of few words."""
    known = frozenset(allowed)

    def check(rows: BatchView) -> Rows | None:
        labels = rows.labels(column)
        if known.issuperset(labels.names):
            return None
        return np.flatnonzero(~labels.equal(*known) & (labels.codes >= 0))

    return check


def within(column: str, least: float = 0.0, most: float = FINITE) -> Check:
    """A number column. NaN that somebody sent is a violation, null is none."""

    def check(rows: BatchView) -> Rows | None:
        span = rows.span(column)
        if span[0] >= least and span[1] <= most:  # never so with NaN
            return None
        whole, values = rows.batch.column(column), rows.numbers(column)
        if whole.null_count == rows.row_count:
            return None
        found = _outside(values, least, most)
        missing = values != values
        if np.count_nonzero(missing) == whole.null_count:
            return found
        sent = np.flatnonzero(missing & rows.present(column))
        return sent if found is None else np.concatenate((found, sent))

    return check


def each_within(
    column: str, fields: Mapping[str, tuple[float, float]], *, is_plain: bool = False
) -> Check:
    """Numbers of each element of a list column, and what they may be between.

    ``is_plain``: the elements themselves, of a list of numbers.
    """

    def check(rows: BatchView) -> Rows | None:
        if rows.batch.column(column).null_count == rows.row_count:
            return None
        told, found = rows.nested(column), []
        for field, (least, most) in fields.items():
            values = numbers(told.elements) if is_plain else told.numbers(field)
            wrong = _outside(values, least, most)
            if wrong is not None:
                found.append(told.rows[wrong])
        return np.concatenate(found) if found else None

    return check


def _results(rows: BatchView) -> Rows | None:
    """What came of attempts."""
    tries = columns.attempts(rows)
    if _RESULTS.issuperset(tries.result.names):
        return None
    return tries.rows[~tries.result.equal(*_RESULTS) & (tries.result.codes >= 0)]


def _ages(rows: BatchView) -> Rows | None:
    """How old features were."""
    said = said_ages(rows)
    wrong = _outside(said.age_s, 0.0, FINITE)
    return None if wrong is None else said.rows[wrong]


def ordered(earlier: str, later: str) -> Check:
    """Two times of which one cannot come before the other."""

    def check(rows: BatchView) -> Rows | None:
        wrong = rows.numbers(later) < rows.numbers(earlier)
        return np.flatnonzero(wrong) if wrong.any() else None

    return check


def _outside(values: NDArray[Any], least: float, most: float) -> Rows | None:
    """Which numbers are; NaN is none."""
    if not values.size:
        return None
    if np.minimum.reduce(values) >= least and np.maximum.reduce(values) <= most:
        return None
    found = np.flatnonzero((values < least) | (values > most))
    return found if found.size else None


CHECKS: Mapping[str, tuple[Check, ...]] = {
    SERVED: (
        named("role", "user", "probe", "shadow"),
        named("outcome", "ok", "late", "error", "shed", "invalid"),
        named("cache", "hit", "miss", "bypass"),
        _results,
        ordered("at_s", "done_at_s"),
        within("latency_ms"),
        within("queue_depth"),
        within("cpu_ms"),
        within("gpu_ms"),
        within("memory_mb_s"),
        within("slate_diversity", 0.0, 2.0),
        _ages,
        each_within("slate", {"position": (0.0, FINITE), "propensity": (0.0, 1.0)}),
        each_within("propensities", {"chance": (0.0, 1.0)}),
    ),
    OUTCOME: (
        each_within("clicked_positions", {"": (0.0, FINITE)}, is_plain=True),
        each_within("viewed_positions", {"": (0.0, FINITE)}, is_plain=True),
        each_within("propensities", {"chance": (0.0, 1.0)}),
    ),
    REPLICA: (
        named("kind", "router", "arm"),
        within("queue_depth"),
        within("in_flight"),
        within("oldest_queued_s"),
        within("cpu_share"),
        within("gpu_share"),
        within("memory_mb"),
        within("answer_ms"),
    ),
}
TIMES = {topic: EVENT_TIME[topic] for topic in CHECKS}
_NAMES = tuple(topic.removeprefix("selfright.") for topic in CHECKS)
_CODES = {topic: code for code, topic in enumerate(CHECKS)}


class ViolationTally:
    def __init__(self) -> None:
        self.rows = Slots(2, first=_NAMES, step_s=STEP_S)

    def update(self, rows: BatchView) -> None:
        if not rows.row_count:
            return
        time_column = TIMES[rows.topic]
        first_s, last_s = rows.span(time_column)
        if first_s >= 0.0 and last_s <= LATEST_S and first_s // STEP_S == last_s // STEP_S:
            # Nearly always: one count for all rows.
            self.rows.bump(_NAMES[_CODES[rows.topic]], int(first_s), rows.row_count)
        else:
            self.rows.count(rows.events("violations.rows", _looked_at, time_column))
        self.rows.count(rows.events("violations", _violations, time_column))

    def merge(self, other: ViolationTally) -> None:
        self.rows.merge(other.rows)

    def forget(self, before_s: float, after_s: float) -> None:
        self.rows.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return self.rows.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.rows.restore(arrays)


def _looked_at(rows: BatchView) -> RowEvents:
    kept, nothing = rows.timely(TIMES[rows.topic]), np.full(rows.row_count, _ROW)
    return _events(rows, kept, None, nothing)


def _violations(rows: BatchView) -> RowEvents:
    found = [at for check in CHECKS[rows.topic] if (at := check(rows)) is not None]
    at = np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)
    return _events(rows, rows.timely(TIMES[rows.topic])[at], at, np.full(at.size, _VIOLATION))


def _events(rows: BatchView, kept: NDArray[np.bool_], at: Rows | None, cells: Rows) -> RowEvents:
    code = _CODES[rows.topic]
    times = rows.numbers(TIMES[rows.topic])
    timed = times if at is None else times[at]
    seconds = np.floor(np.where(kept, timed, 0.0)).astype(np.int64)
    return RowEvents.of(rows.row_count, _NAMES, kept, at, code, seconds, cells)


class ViolationReader(Reader):
    def families(self, tally: ViolationTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family((VIOLATIONS,), "topic", _NAMES, is_open=False),)

    def reading(self, key: SignalKey, tally: ViolationTally, tick: TickView) -> Reading:
        topic, window = key.labels[0][1], tick.window(key.window_s)
        rows, violations = tally.rows.window(topic, *window).tolist()
        source = f"selfright.{topic}"
        value = float(violations)
        return tick.reading(VIOLATIONS, (source,), window, value, rows, "no rows")


MONITOR = Monitor(
    "violations",
    tuple(CHECKS),
    (VIOLATIONS,),
    lambda _settings: ViolationTally(),
    lambda _settings: ViolationReader(),
    every_s=STEP_S,
)

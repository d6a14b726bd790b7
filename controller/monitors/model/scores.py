"""What the arms' models say of their slates: the top score, whether it moved, how sure they are.

Users' requests and probes count under the arm that answered them afresh; what came from the cache
was counted when it was made. The scores of an arm are compared with the first `LEARNT_ROWS` of the
version it serves, so a promotion or retrain starts afresh. On independent scores of an unchanged
distribution `score.psi` exceeds 0.1 at 500 rows in at most 1 of 10,000 windows (a test simulates
20,000 of them; its mean is about 0.02 there). Scores that depend on each other, or
a daily season, exceed it more often: it is a hint, not a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.slots import Slots
from controller.monitors.model.answers import (
    MOST_VERSIONS,
    answers,
    arm_of,
    make_room,
    series,
)
from controller.monitors.model.lessons import Lessons, stepped, still_learning
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.tick import TickView
from controller.statistics.drift_distance import population_stability_index
from controller.statistics.score_bins import bin_of_cell, binned
from controller.statistics.signed_buckets import SignedBuckets
from controller.telemetry.schema import SERVED

STEP_S = 30
LEARNT_ROWS = 5_000
BINS = 10
SCORE = SignedBuckets(scale=0.001, maximum=1e6, relative_error=0.015)
"""A distribution whose spread is below 1 % of its distance from zero is one bucket to it."""
CONFIDENCE = SignedBuckets(scale=0.001, maximum=1e6, relative_error=0.06)
P50 = SignalSpec(
    "score.p50", "value", ("arm",), 20, 60.0, "Median top score of the slates the arm made"
)
PSI = SignalSpec(
    "score.psi",
    "value",
    ("arm",),
    500,
    300.0,
    "Population stability index of the arm's top scores against its version's first rows",
    is_drift=True,
)
MARGIN = SignalSpec(
    "confidence.margin_p50",
    "value",
    ("arm",),
    20,
    60.0,
    "Median lead of the first item's score over the second's",
)
ENTROPY = SignalSpec(
    "confidence.entropy_p50",
    "value",
    ("arm",),
    20,
    60.0,
    "Median entropy of the slate's scores (softmax), in nats; higher is less sure",
)
SPECS = (P50, PSI, MARGIN, ENTROPY)
_COLUMN = {MARGIN.name: "margin", ENTROPY.name: "entropy"}


class ScoreTally:
    """``scores`` by arm and version, the others by arm."""

    def __init__(self, arms: Sequence[str]) -> None:
        self.scores = _scores()
        self.of = {
            column: Slots(CONFIDENCE.size, first=arms, step_s=STEP_S) for column in _COLUMN.values()
        }

    def arms(self) -> tuple[str, ...]:
        return tuple(self.of["margin"].names())

    def update(self, rows: BatchView) -> None:
        self.scores.count(rows.events("scores", _by_version, "done_at_s"))
        for column, slots in self.of.items():

            def make(whole: BatchView, column: str = column) -> RowEvents:
                return _by_arm(whole, column)

            slots.count(rows.events(("scores", column), make, "done_at_s"))

    def merge(self, other: ScoreTally) -> None:
        self.scores.merge(other.scores)
        for column, slots in self.of.items():
            slots.merge(other.of[column])

    def forget(self, before_s: float, after_s: float) -> None:
        self.scores.forget(before_s, after_s)
        self.scores = make_room(self.scores, _scores())
        for slots in self.of.values():
            slots.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        others = {column: slots.snapshot() for column, slots in self.of.items()}
        return nested(scores=self.scores.snapshot(), **others)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.scores.restore(unnested(arrays, "scores"))
        for column, slots in self.of.items():
            slots.restore(unnested(arrays, column))


def _scores() -> Slots:
    return Slots(SCORE.size, most_series=MOST_VERSIONS, step_s=STEP_S)


def _by_version(rows: BatchView) -> RowEvents:
    names, codes = answers(rows)
    scores = rows.numbers("top_score")
    return _events(rows, names, codes, scores, SCORE)


def _by_arm(rows: BatchView, column: str) -> RowEvents:
    by = rows.labels("served_by")
    codes = np.where(answers(rows).codes >= 0, by.codes, -1)
    return _events(rows, by.names, codes, rows.numbers(column), CONFIDENCE)


def _events(
    rows: BatchView,
    names: tuple[str, ...],
    codes: NDArray[np.int64],
    values: NDArray[np.float64],
    buckets: SignedBuckets,
) -> RowEvents:
    kept = (columns.roles(rows) & (columns.USER | columns.PROBE) > 0) & (codes >= 0)
    kept &= values == values  # not NaN
    cells = buckets.index(values if kept.all() else np.where(kept, values, 0.0))
    return RowEvents.of(rows.row_count, names, kept, None, codes, columns.done_s(rows), cells)


class ScoreReader(Reader):
    """Learns what the scores of each arm's version look like."""

    def __init__(self) -> None:
        self._lessons = Lessons((1, SCORE.size), STEP_S, _is_enough)

    def advance(self, tally: ScoreTally, tick: TickView) -> None:
        def counted(arm: str, version: str, start_s: float, end_s: float) -> NDArray[np.int64]:
            row = tally.scores.row_of(series(arm, version))
            tables = [table for _, table in tally.scores.tables(start_s, end_s)]
            return sum((t[row] for t in tables), np.zeros(SCORE.size, np.int64)).reshape(1, -1)

        self._lessons.attend(tally.scores, tick.started_s, tick.closed_s, counted)

    def families(self, tally: ScoreTally) -> tuple[Family, ...]:
        return (Family(SPECS, "arm", tally.arms()),)

    def reading(self, key: SignalKey, tally: ScoreTally, tick: TickView) -> Reading:
        arm, window = key.labels[0][1], stepped(tick.window(key.window_s), STEP_S)
        if key.name == PSI.name:
            return self._psi(arm, window, tally, tick)
        idle = "the arm made no slate"
        if key.name == P50.name:
            counts = _of_arm(tally.scores, arm, window)
            value, spec = SCORE.quantile(counts, 0.5), P50
        else:
            counts = tally.of[_COLUMN[key.name]].window(arm, *window)
            value = CONFIDENCE.quantile(counts, 0.5)
            spec = MARGIN if key.name == MARGIN.name else ENTROPY
        return tick.reading(spec, (SERVED,), window, value, int(counts.sum()), idle)

    def _psi(
        self, arm: str, window: tuple[float, float], tally: ScoreTally, tick: TickView
    ) -> Reading:
        lesson = self._lessons.of(arm)
        if lesson is None or not lesson.is_complete:
            learnt = f"{lesson.counts.sum()} of {LEARNT_ROWS} rows" if lesson else ""
            if tick.trouble((SERVED,), window[1] - window[0]):
                return tick.reading(PSI, (SERVED,), window, None, 0)
            return still_learning(lesson, learnt, window)
        window = (min(window[1], max(window[0], lesson.complete_s)), window[1])
        counts = tally.scores.window(series(arm, lesson.version), *window)
        bins = bin_of_cell(lesson.counts[0], BINS)
        reference, seen = binned(lesson.counts[0], bins, BINS), binned(counts, bins, BINS)
        value = population_stability_index(reference, seen)
        return tick.reading(
            PSI, (SERVED,), window, value, int(counts.sum()), "the arm made no slate"
        )

    def snapshot(self) -> Arrays:
        return self._lessons.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._lessons.restore(arrays)


def _is_enough(counts: NDArray[np.int64]) -> bool:
    return int(counts.sum()) >= LEARNT_ROWS


def _of_arm(scores: Slots, arm: str, window: tuple[float, float]) -> NDArray[np.int64]:
    """All versions of the arm together."""
    totals = scores.windows(*window)
    rows = [scores.row_of(name) for name in scores.names() if arm_of(name) == arm]
    mine = [row for row in rows if row is not None and row < len(totals)]
    found: NDArray[np.int64] = totals[mine].sum(axis=0)
    return found


MONITOR = Monitor(
    "scores",
    (SERVED,),
    SPECS,
    lambda settings: ScoreTally(tuple(settings.arms)),
    lambda _settings: ScoreReader(),
    every_s=10,
)

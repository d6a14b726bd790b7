"""Whether scores still mean the click rates they meant when the arm's version was new.

The click rate of each of ten bins of the top score is learnt from the first `LEARNT_CLICKS` clicks
of the version (histogram binning, Zadrozny & Elkan 2001). Averaged over the scores of requests
that nobody could click yet it estimates their click-through rate (confidence-based performance
estimation, as in NannyML): right while only the mix of requests changes, and off by what the rate
at a given score changed, which ``ctr_gap`` tells once clicks are in.

Users' requests that the arm drawn answered itself; one click each, within the attribution window,
as in `outcome/clicks.py`; bots on neither side (their tokens carry no score). ``calibration.error``
is less what chance alone brings, so it is near 0 while nothing changed; the gap's standard error
there is sqrt(1 / clicks + 1 / `LEARNT_CLICKS`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.click_rows import in_time
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.request_sets import Key, RequestSets
from controller.monitors.counting.slots import Slots
from controller.monitors.model.answers import MOST_VERSIONS, answers, make_room, served_versions
from controller.monitors.model.lessons import Lesson, Lessons, stepped, still_learning
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.tick import TickView
from controller.statistics.score_bins import bin_of_cell, binned
from controller.statistics.signed_buckets import SignedBuckets
from controller.telemetry.schema import OUTCOME, SERVED

STEP_S = 60
BINS = 10
LEARNT_CLICKS = 1_000
SCORE = SignedBuckets(scale=0.001, maximum=1e6, relative_error=0.06)
ERROR = SignalSpec(
    "calibration.error",
    "share",
    ("arm",),
    2_000,
    300.0,
    "Mean distance of click rates by score from those learnt, beyond what chance brings",
    users_only=True,
)
ESTIMATED = SignalSpec(
    "ctr_estimated",
    "share",
    ("arm",),
    200,
    60.0,
    "Click-through rate to be expected of the arm's scores, before clicks are in",
    users_only=True,
)
GAP = SignalSpec(
    "ctr_gap",
    "value",
    ("arm",),
    2_000,
    300.0,
    "Realized over estimated click-through rate of the same requests, minus 1",
    users_only=True,
)
SPECS = (ERROR, ESTIMATED, GAP)
_SPEC_OF = {spec.name: spec for spec in SPECS}


class CalibrationTally:
    """``requests`` and ``clicks`` by arm and score; ``versions`` says who served when."""

    def __init__(self, arms: Sequence[str], attribution_window_s: float) -> None:
        self.window_s = attribution_window_s
        self._arms = arms
        self.requests = Slots(SCORE.size, first=arms, step_s=STEP_S)
        self.versions = _versions()
        self.clicked = RequestSets()
        """Under ``ARM/CELL`` and the step of the draw, so that ``clicks`` follows from it."""
        self.clicks = self._empty()

    def _empty(self) -> Slots:
        return Slots(SCORE.size, first=self._arms, step_s=STEP_S)

    def update(self, rows: BatchView) -> None:
        if rows.topic == OUTCOME:
            self._count(self.clicked.add(*self._clicked(rows)))
        else:
            self.requests.count(rows.events("calibration.requests", _requests, "at_s"))
            self.versions.count(rows.events("calibration.versions", _answered, "at_s"))

    def _clicked(self, rows: BatchView) -> tuple[list[Key], list[int]]:
        """Clicks within the attribution window, whose score is known."""
        drawn_s, scores, arm = *map(rows.numbers, ("served_at_s", "top_score")), rows.labels("arm")
        places = np.flatnonzero(in_time(rows, self.window_s) & ~np.isnan(scores))
        ids = rows.request_ids(places)
        cells = SCORE.index(scores[places]).tolist()
        names = [self.requests.series_of(arm.names[code]) for code in arm.codes[places].tolist()]
        keys = [(f"{n}/{cell}", id_) for n, cell, id_ in zip(names, cells, ids, strict=True)]
        return keys, (drawn_s[places] // STEP_S * STEP_S).astype(np.int64).tolist()

    def _count(self, found: Sequence[tuple[Key, int]]) -> None:
        if not found:
            return
        split = [key[0].rpartition("/") for key, _ in found]
        names = tuple(dict.fromkeys(arm for arm, _, _ in split))
        place = {name: n for n, name in enumerate(names)}
        self.clicks.add(
            names,
            np.array([place[arm] for arm, _, _ in split], np.int64),
            np.array([second for _, second in found], np.int64),
            np.array([int(cell) for _, _, cell in split], np.int64),
        )

    def merge(self, other: CalibrationTally) -> None:
        self.requests.merge(other.requests)
        self.versions.merge(other.versions)
        self.clicked.merge(other.clicked)
        self._recount()

    def _recount(self) -> None:
        self.clicks = self._empty()
        self._count(list(self.clicked.entries()))

    def forget(self, before_s: float, after_s: float) -> None:
        before_s = before_s // STEP_S * STEP_S
        self.requests.forget(before_s, after_s)
        self.versions.forget(before_s, after_s)
        self.versions = make_room(self.versions, _versions())
        self.clicked.forget(before_s, after_s)
        self.clicks.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return nested(
            requests=self.requests.snapshot(),
            versions=self.versions.snapshot(),
            clicked=self.clicked.snapshot(),
        )

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.requests.restore(unnested(arrays, "requests"))
        self.versions.restore(unnested(arrays, "versions"))
        self.clicked.restore(unnested(arrays, "clicked"))
        self._recount()


def _versions() -> Slots:
    return Slots(1, most_series=MOST_VERSIONS, step_s=STEP_S)


def _requests(rows: BatchView) -> RowEvents:
    """Requests of people that the arm drawn answered, from the cache or afresh."""
    arm, by, scores = rows.labels("arm"), rows.labels("served_by"), rows.numbers("top_score")
    places = {name: place for place, name in enumerate(arm.names)}
    answering = columns.translated(by, places, -1, -1)
    kept = columns.of_users(rows) & (arm.codes >= 0) & (answering == arm.codes)
    kept &= (rows.numbers("bot") != 1.0) & ~rows.labels("outcome").equal("shed")
    kept &= rows.timely("at_s") & rows.present("request_id") & ~np.isnan(scores)
    cells = SCORE.index(np.where(kept, scores, 0.0))
    seconds = rows.timely_seconds("at_s")
    return RowEvents.of(rows.row_count, arm.names, kept, None, arm.codes, seconds, cells)


def _answered(rows: BatchView) -> RowEvents:
    names, codes = answers(rows)
    kept = columns.of_users(rows) & (codes >= 0) & rows.timely("at_s")
    return RowEvents.of(
        rows.row_count, names, kept, None, codes, rows.timely_seconds("at_s"), np.zeros_like(codes)
    )


class _Rates(NamedTuple):
    """What was learnt, by bin: requests, click rate, and the bin of each cell."""

    requests: NDArray[np.int64]
    rates: NDArray[np.float64]
    bin_of: NDArray[np.int64]


class CalibrationReader(Reader):
    def __init__(self) -> None:
        self._lessons = Lessons((2, SCORE.size), STEP_S, _is_enough)

    def advance(self, tally: CalibrationTally, tick: TickView) -> None:
        def counted(arm: str, _version: str, start_s: float, end_s: float) -> NDArray[np.int64]:
            both = (tally.requests, tally.clicks)
            tables = [_summed(slots, arm, start_s, end_s) for slots in both]
            return np.stack(tables)

        self._lessons.attend(tally.versions, tick.started_s, _matured_s(tally, tick), counted)

    def families(self, tally: CalibrationTally) -> tuple[Family, ...]:
        return (Family(SPECS, "arm", tuple(tally.requests.names())),)

    def reading(self, key: SignalKey, tally: CalibrationTally, tick: TickView) -> Reading:
        arm, spec = key.labels[0][1], _SPEC_OF[key.name]
        end_s = tick.closed_s if spec is ESTIMATED else _matured_s(tally, tick)
        window = stepped((end_s - math.ceil(key.window_s), end_s), STEP_S)
        topics = (SERVED,) if spec is ESTIMATED else (SERVED, OUTCOME)
        lesson = self._lessons.of(arm)
        if lesson is None or not lesson.is_complete:
            if tick.trouble(topics, key.window_s):
                return tick.reading(spec, topics, window, None, 0)
            learnt = f"{lesson.counts[1].sum()} of {LEARNT_CLICKS} clicks" if lesson else ""
            return still_learning(lesson, learnt, window)
        start_s = window[0] if spec is ESTIMATED else max(window[0], lesson.complete_s)
        window = (min(start_s, end_s), end_s)
        if others := set(served_versions(tally.versions, arm, *window)) - {lesson.version}:
            note = f"{', '.join(sorted(others))} served too, and {lesson.version} was learnt"
            return Reading(None, ReadingState.INSUFFICIENT, 0, *window, note)
        requests, clicks = (s.window(arm, *window) for s in (tally.requests, tally.clicks))
        total = int(requests.sum())
        value = _judged(spec, _rates(lesson), requests, clicks) if total else None
        if total and spec is not ESTIMATED and not clicks.any():
            # Users who all stopped clicking and a click log that is gone look alike here.
            note = "no click at all is in"
            return Reading(None, ReadingState.INSUFFICIENT, total, *window, note)
        return tick.reading(spec, topics, window, value, total, "the arm answered nobody")

    def snapshot(self) -> Arrays:
        return self._lessons.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._lessons.restore(arrays)


def _rates(lesson: Lesson) -> _Rates:
    bin_of = bin_of_cell(lesson.counts[0], BINS)
    requests, clicks = (binned(counts, bin_of, BINS) for counts in lesson.counts)
    mean = clicks.sum() / requests.sum()
    rates = np.where(requests > 0, clicks / np.maximum(requests, 1), mean)
    return _Rates(requests, rates, bin_of)


def _judged(
    spec: SignalSpec, learnt: _Rates, requests: NDArray[np.int64], clicks: NDArray[np.int64]
) -> float:
    mine, hits = (binned(counts, learnt.bin_of, BINS) for counts in (requests, clicks))
    weights = mine / mine.sum()
    estimated = float(weights @ learnt.rates)
    if spec is ESTIMATED:
        return estimated
    if spec is GAP:
        return float(hits.sum() / mine.sum()) / estimated - 1.0
    there = np.maximum(mine, 1)
    gaps = np.abs(hits / there - learnt.rates)
    # The mean of the absolute value of a normal error is sqrt(2 / pi) of its deviation.
    spread = learnt.rates * (1.0 - learnt.rates) * (1.0 / there + 1.0 / learnt.requests.clip(1))
    return max(0.0, float(weights @ (gaps - np.sqrt(2.0 / np.pi * spread))))


def _summed(slots: Slots, arm: str, start_s: float, end_s: float) -> NDArray[np.int64]:
    total, row = np.zeros(slots.cells, np.int64), slots.row_of(arm)
    for _, table in slots.tables(start_s, end_s):
        if row is not None and row < len(table):
            total += table[row]
    return total


def _is_enough(counts: NDArray[np.int64]) -> bool:
    return int(counts[1].sum()) >= LEARNT_CLICKS


def _matured_s(tally: CalibrationTally, tick: TickView) -> int:
    """Up to here every click is in; whole steps."""
    watermark_s = min(tick.sources[SERVED].watermark_s, tick.sources[OUTCOME].watermark_s)
    return math.floor((watermark_s - tally.window_s) / STEP_S) * STEP_S


MONITOR = Monitor(
    "calibration",
    (SERVED, OUTCOME),
    SPECS,
    lambda settings: CalibrationTally(tuple(settings.arms), settings.attribution_window_s),
    lambda _settings: CalibrationReader(),
    extra_horizon_s=lambda settings: settings.attribution_window_s,
    every_s=10,
)

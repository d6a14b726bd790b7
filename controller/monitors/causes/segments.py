"""Who was served how, who clicked, and what inputs the model saw, by group of requests.

No signals: these counts are read when an incident opens, to say why. Requests are counted by the
time of their draw; bots count, among requests and among clicks. Exact in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey
from controller.monitors.causes.feature_uses import FeatureUses
from controller.monitors.causes.groups import Groups
from controller.monitors.causes.input_sample import STEP_S as SAMPLE_STEP_S
from controller.monitors.causes.input_sample import InputSample, SampledRows
from controller.monitors.causes.open_values import OpenValues
from controller.monitors.causes.request_hash import Hashes, hashes_of
from controller.monitors.causes.step_tables import StepTables
from controller.monitors.counting.admission import FUTURE_LIMIT_S
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.click_rows import in_time
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.steps import by_step
from controller.monitors.data.alike_inputs import AlikeInputs, alike_inputs
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.telemetry.schema import OUTCOME, SERVED

STEP_S = 60
QUICK_STEP_S = 10
QUICK_S = 300.0
"""How long the short steps are kept, in which trouble of seconds is seen undiluted."""
BASELINE_S = 3_600.0
GUARD_S = 300.0
"""Between the baseline and now; the change may have begun in it."""
RECENT_MAX_S = 600.0
LATE_CLICKS_S = 180.0
"""How long after its attribution window a click may still arrive."""
GOOD, LATE, ERROR, DEGRADED, SHED = range(5)
CELLS = 5
_TOLD = {"late": LATE, "error": ERROR, "shed": SHED}
"""Outcomes that say themselves what became of a request."""


class SegmentTally:
    def __init__(self, settings: Settings) -> None:
        self.groups = Groups.of(settings)
        self.deadline_ms = settings.request_deadline_ms
        self.window_s = settings.attribution_window_s
        self.requests = StepTables(STEP_S, self.groups.count, CELLS)
        self.quick = StepTables(QUICK_STEP_S, self.groups.count, CELLS)
        self.clicks = StepTables(STEP_S, self.groups.count, 1)
        self.sample = InputSample(len(self.groups.columns))
        self.uses = FeatureUses(settings)
        self.opened = OpenValues(CELLS, QUICK_STEP_S, STEP_S)
        self._clicked: dict[int, Hashes] = {}
        """By step of the draw, ascending: a request's second click counts no more."""
        self._closed_step = -(2**62)
        """Clicks of requests drawn before are too late; their requests' hashes are gone."""

    def update(self, rows: BatchView) -> None:
        if rows.topic == OUTCOME:
            self._click(rows)
        else:
            self._serve(rows)

    def _serve(self, rows: BatchView) -> None:
        kept = rows.labels("role").equal("user") & rows.timely("at_s")
        kept &= ~rows.labels("outcome").equal("invalid") & (rows.labels("arm").codes >= 0)
        places = np.flatnonzero(kept)
        if not places.size:
            return
        seconds = rows.timely_seconds("at_s")
        codes = self.groups.codes(rows)
        cells = _answers(rows, self.deadline_ms)
        if places.size < kept.size:
            mine = seconds[places], codes[places], cells[places]
        else:
            mine = seconds, codes, cells
        self._count(*mine)
        self.opened.add(rows, places, mine[0], mine[2])
        self.uses.update(rows, kept, seconds)
        self._sample(rows, kept, seconds // SAMPLE_STEP_S, codes)

    def _count(
        self, seconds: NDArray[np.int64], codes: NDArray[np.uint8], cells: NDArray[np.int64]
    ) -> None:
        for step, mine in by_step(seconds, QUICK_STEP_S):
            table = self.groups.counts(codes[mine], cells[mine], CELLS)
            self.quick.add(step, table)
            self.requests.add(step * QUICK_STEP_S // STEP_S, table)

    def _sample(
        self,
        rows: BatchView,
        kept: NDArray[np.bool_],
        steps: NDArray[np.int64],
        codes: NDArray[np.uint8],
    ) -> None:
        """Look into the inputs of those rows alone that the sample may take."""
        kept = kept & rows.present("inputs") & rows.present("request_id")
        if not kept.any():
            return
        hashes = hashes_of(rows.batch.column("request_id"))
        for step in np.unique(steps[kept]).tolist():
            limit = min(self.sample.limit(step), 2**64 - 1)
            mine = np.flatnonzero(kept & (steps == step) & (hashes < np.uint64(limit)))
            if mine.size:
                values = self._inputs(rows, mine)
                self.sample.add(step, SampledRows(hashes[mine], codes[mine], values))

    def _inputs(self, rows: BatchView, places: NDArray[np.int64]) -> NDArray[np.float32]:
        alike = alike_inputs(rows)
        if alike is not None:
            return self._of_table(alike, places + rows.part.start)
        some = BatchView(rows.topic, rows.partition, rows.batch.select(["inputs"]).take(places))
        inputs = some.nested("inputs")
        feature = inputs.labels("feature")
        columns = np.append(self.sample.places_of(feature.names), -1)[feature.codes]
        values = np.full((places.size, len(self.sample.features)), np.nan, np.float32)
        known = columns >= 0
        values[inputs.rows[known], columns[known]] = inputs.numbers("value")[known]
        return values

    def _of_table(self, inputs: AlikeInputs, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        at = inputs.rows.searchsorted(rows)
        at[at == inputs.rows.size] = 0
        shown = inputs.rows[at] == rows
        columns = self.sample.places_of(inputs.names if shown.any() else ())
        values = np.full((rows.size, len(self.sample.features)), np.nan, np.float32)
        known = np.flatnonzero(columns >= 0)
        values[np.ix_(shown, columns[known])] = inputs.values[np.ix_(at[shown], known)]
        return values

    def _click(self, rows: BatchView) -> None:
        seconds = rows.timely_seconds("served_at_s")
        kept = in_time(rows, self.window_s) & (seconds // STEP_S >= self._closed_step)
        places = np.flatnonzero(kept)
        if not places.size:
            return
        hashes = hashes_of(rows.batch.column("request_id"))[places]
        fresh = places[self._fresh(hashes, seconds[places] // STEP_S)]
        codes, nothing = self.groups.codes(rows)[fresh], np.zeros(fresh.size, np.int64)
        for step, mine in by_step(seconds[fresh], STEP_S):
            self.clicks.add(step, self.groups.counts(codes[mine], nothing[mine], 1))

    def _fresh(self, hashes: Hashes, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which were never clicked before, each request once; they are clicked now."""
        found = []
        for step in np.unique(steps).tolist():
            mine = np.flatnonzero(steps == step)
            every, first = np.unique(hashes[mine], return_index=True)
            held = self._clicked.get(step, np.zeros(0, np.uint64))
            new = ~np.isin(every, held, assume_unique=True)
            self._clicked[step] = np.union1d(held, every[new])
            found.append(mine[first[new]])
        return np.concatenate(found)

    def merge(self, other: SegmentTally) -> None:
        """Requests keep to one partition, and their clicks follow; so no click is in both."""
        self.requests.merge(other.requests)
        self.quick.merge(other.quick)
        self.clicks.merge(other.clicks)
        self.sample.merge(other.sample)
        self.uses.tables.merge(other.uses.tables)
        self.opened.merge(other.opened)
        for step, hashes in other._clicked.items():
            held = self._clicked.get(step)
            self._clicked[step] = hashes if held is None else np.union1d(held, hashes)
        self._closed_step = max(self._closed_step, other._closed_step)

    def forget(self, before_s: float, after_s: float) -> None:
        now_s = after_s - FUTURE_LIMIT_S
        self.requests.forget(before_s, after_s)
        self.clicks.forget(before_s, after_s)
        self.sample.forget(before_s, after_s)
        self.uses.tables.forget(before_s, after_s)
        self.quick.forget(now_s - QUICK_S, after_s)
        self.opened.requests.forget(before_s, after_s)
        self.opened.quick.forget(now_s - QUICK_S, after_s)
        closed_s = now_s - self.window_s - LATE_CLICKS_S
        self._closed_step = max(self._closed_step, int(closed_s // STEP_S))
        for step in [s for s in self._clicked if s < self._closed_step]:
            del self._clicked[step]

    def snapshot(self) -> Arrays:
        sizes = [each.size for each in self._clicked.values()]
        return nested(
            requests=self.requests.snapshot(),
            quick=self.quick.snapshot(),
            clicks=self.clicks.snapshot(),
            sample=self.sample.snapshot(),
            uses=self.uses.tables.snapshot(),
            opened=self.opened.snapshot(),
            clicked={
                "steps": np.repeat(np.array(list(self._clicked), np.int64), sizes),
                "hashes": np.concatenate([np.zeros(0, np.uint64), *self._clicked.values()]),
                "closed": np.array([self._closed_step], np.int64),
            },
        )

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.requests.restore(unnested(arrays, "requests"))
        self.quick.restore(unnested(arrays, "quick"))
        self.clicks.restore(unnested(arrays, "clicks"))
        self.sample.restore(unnested(arrays, "sample"))
        self.uses.tables.restore(unnested(arrays, "uses"))
        self.opened.restore(unnested(arrays, "opened"))
        clicked = unnested(arrays, "clicked")
        steps, hashes = clicked["steps"], clicked["hashes"]
        if hashes.dtype != np.uint64 or hashes.shape != steps.shape:
            raise ValueError("clicked requests are not in a shape this program writes")
        self._closed_step = int(clicked["closed"][0])
        self._clicked = {s: np.sort(hashes[steps == s]) for s in np.unique(steps).tolist()}


def _answers(rows: BatchView, deadline_ms: float) -> NDArray[np.int64]:
    """What became of each request."""
    outcome, served_by, arm = (rows.labels(n) for n in ("outcome", "served_by", "arm"))
    own = columns.translated(served_by, {name: code for code, name in enumerate(arm.names)}, -2, -2)
    found = np.where(own != arm.codes, DEGRADED, GOOD)
    found[rows.numbers("latency_ms") > deadline_ms] = LATE
    if not {"late", "error", "shed"}.isdisjoint(outcome.names):
        told = columns.translated(outcome, _TOLD, GOOD, GOOD)
        found = np.where(told > GOOD, told, found)
    return found


class SegmentReader(Reader):
    """It has no signals: `explain` reads the tally itself."""

    def families(self, tally: SegmentTally) -> tuple[Family, ...]:  # noqa: ARG002
        return ()

    def reading(self, key: SignalKey, tally: SegmentTally, tick: TickView) -> Reading:  # noqa: ARG002
        raise KeyError(key)


MONITOR = Monitor(
    "segments",
    (SERVED, OUTCOME),
    (),
    SegmentTally,
    lambda _settings: SegmentReader(),
    extra_horizon_s=lambda s: BASELINE_S + GUARD_S + RECENT_MAX_S + s.attribution_window_s,
    every_s=10,
)

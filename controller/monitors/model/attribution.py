"""Whether an arm's model still leans on the inputs that it leant on when it was trained.

nDCG of the inputs in the order of their mean absolute contribution now, gained by that of the
reference (the attribution drift of SageMaker Clarify; below 0.9 is a violation there). Sums are
whole millionths, by arm, version and input, so a new version starts afresh and merges are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView, Labelled
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, text_array, unnested
from controller.monitors.counting.slots import safe_label
from controller.monitors.counting.steps import by_step
from controller.monitors.counting.sums import Sums
from controller.monitors.data.alike_inputs import alike
from controller.monitors.model.answers import answers, make_room, series
from controller.monitors.model.lessons import stepped
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.tick import TickView
from controller.telemetry.schema import MODEL, SERVED

STEP_S = 30
MOST_SERIES = 512
MICRO = 1e6
LARGEST = 1e6
"""A larger contribution counts as this."""
NDCG = SignalSpec(
    "attribution.ndcg",
    "share",
    ("arm",),
    100,
    300.0,
    "Agreement of the ranking of inputs by mean contribution with that of the training data",
    is_drift=True,
)
_COUNT, _MICROS = 0, 1
_REFERENCE_COLUMNS = ("arm", "status", "at_s", "version", "sha256", "reference")


@dataclass(frozen=True)
class Reference:
    """Mean absolute contributions of an arm's serving version in training, by input."""

    at_s: float
    version: str
    means: Mapping[str, float]


class AttributionTally:
    def __init__(self) -> None:
        self.references: dict[str, Reference] = {}
        self.sums = _sums()

    def update(self, rows: BatchView) -> None:
        if rows.topic == MODEL:
            for row in rows.values_of(*_REFERENCE_COLUMNS):
                if row["status"] == "serving" and row["arm"] and row["reference"]:
                    self._refer(safe_label(row["arm"]), _reference(row))
            return
        alike: _Alike | None = rows.made("attribution.alike", _alike)
        if alike is not None:
            first = rows.part.start
            tables = alike.tables(first, first + rows.row_count)
            self.sums.add_tables(alike.names, tables)
            return
        events = rows.events("attribution", _contributed, "done_at_s")
        self.sums.count(events)
        micros = rows.made("attribution.micros", _micros)
        mine = micros[events.start : events.end]
        self.sums.weigh(events.names, events.codes, events.seconds, _MICROS, mine)

    def _refer(self, arm: str, reference: Reference) -> None:
        held = self.references.get(arm)
        if held is None or (reference.at_s, reference.version) > (held.at_s, held.version):
            self.references[arm] = reference

    def merge(self, other: AttributionTally) -> None:
        self.sums.merge(other.sums)
        for arm, reference in other.references.items():
            self._refer(arm, reference)

    def forget(self, before_s: float, after_s: float) -> None:
        self.sums.forget(before_s, after_s)
        self.sums = make_room(self.sums, _sums(), MOST_SERIES)

    def snapshot(self) -> Arrays:
        known = list(self.references.items())
        means = [
            (n, name, mean) for n, (_, r) in enumerate(known) for name, mean in r.means.items()
        ]
        return nested(
            sums=self.sums.snapshot(),
            references={
                "arms": text_array([arm for arm, _ in known]),
                "versions": text_array([r.version for _, r in known]),
                "at_s": np.array([r.at_s for _, r in known], np.float64),
                "of": np.array([n for n, _, _ in means], np.int64),
                "features": text_array([name for _, name, _ in means]),
                "means": np.array([mean for _, _, mean in means], np.float64),
            },
        )

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.sums.restore(unnested(arrays, "sums"))
        table = {name: array.tolist() for name, array in unnested(arrays, "references").items()}
        means: list[dict[str, float]] = [{} for _ in table["arms"]]
        for of, name, mean in zip(table["of"], table["features"], table["means"], strict=True):
            means[of][name] = mean
        rows = zip(table["arms"], table["at_s"], table["versions"], means, strict=True)
        self.references = {arm: Reference(at_s, version, own) for arm, at_s, version, own in rows}


def _sums() -> Sums:
    return Sums(2, most_series=MOST_SERIES, step_s=STEP_S)


class _Alike(NamedTuple):
    """``micros`` (rows, inputs) of the slab's ``rows`` that count, where all name the same inputs.

    ``known`` says which are finite, None: all. ``codes`` are the rows' answers, ``names`` the
    series, answer by answer.
    """

    names: tuple[str, ...]
    rows: NDArray[np.int64]
    codes: NDArray[np.int64]
    seconds: NDArray[np.int64]
    micros: NDArray[np.float64]
    known: NDArray[np.bool_] | None

    def tables(self, first: int, after: int) -> list[tuple[int, NDArray[np.int64]]]:
        """(step, count and sum of each series) of the rows ``first`` to before ``after``."""
        start, end = self.rows.searchsorted((first, after)).tolist()
        inputs, found = self.micros.shape[1], []
        for step, mine in by_step(self.seconds[start:end], STEP_S):
            table = np.zeros((len(self.names) // inputs, inputs, 2), np.int64)
            codes = self.codes[start:end][mine]
            micros = self.micros[start:end][mine]
            known = None if self.known is None else self.known[start:end][mine]
            for code in np.flatnonzero(np.bincount(codes)).tolist():
                own = np.flatnonzero(codes == code)
                table[code, :, _MICROS] = micros[own].sum(axis=0)
                table[code, :, _COUNT] = own.size if known is None else known[own].sum(axis=0)
            found.append((step, table.reshape(-1, 2)))
        return found


def _alike(rows: BatchView) -> _Alike | None:
    told = alike(rows, "contributions")
    if told is None:
        return None
    names, answered = answers(rows)
    kept = (columns.roles(rows) & (columns.USER | columns.PROBE) > 0) & (answered >= 0)
    mine = np.flatnonzero(kept[told.rows])
    at, values = told.rows[mine], told.values
    micros = np.abs(values if mine.size == len(values) else values[mine])
    known = None
    if not np.isfinite(np.add.reduce(micros, axis=None)):
        known = np.isfinite(micros)
        micros[~known] = 0.0
    np.minimum(micros, LARGEST, out=micros)
    micros *= MICRO
    np.rint(micros, out=micros)
    every = tuple(f"{name}/{each}" for name in names for each in told.names)
    return _Alike(every, at, answered[at], columns.done_s(rows)[at], micros, known)


class _Told(NamedTuple):
    """Each contribution of a slab: whose row, of which input, how much, and whether it counts."""

    rows: NDArray[np.int64]
    feature: Labelled
    values: NDArray[np.float64]
    kept: NDArray[np.bool_]


def _told(rows: BatchView) -> _Told:
    found: _Told = rows.made("attribution.told", _tell)
    return found


def _tell(rows: BatchView) -> _Told:
    told = rows.nested("contributions")
    feature, values = told.labels("feature"), told.numbers("value")
    counted = columns.roles(rows) & (columns.USER | columns.PROBE) > 0
    counted &= answers(rows).codes >= 0
    kept = counted[told.rows] & (feature.codes >= 0) & np.isfinite(values)
    return _Told(told.rows, feature, values, kept)


def _contributed(rows: BatchView) -> RowEvents:
    """Each finite contribution to an answer: series ``ARM/VERSION/INPUT``."""
    (names, answered), told = answers(rows), _told(rows)
    inputs = told.feature.names
    codes = answered[told.rows] * len(inputs) + told.feature.codes
    every = tuple(f"{name}/{each}" for name in names for each in inputs)
    seconds = columns.done_s(rows)[told.rows]
    cells = np.full(codes.size, _COUNT)
    return RowEvents.of(rows.row_count, every, told.kept, told.rows, codes, seconds, cells)


def _micros(rows: BatchView) -> NDArray[np.float64]:
    """Of the events of `_contributed`, in their order."""
    told = _told(rows)
    return np.rint(np.minimum(np.abs(told.values[told.kept]), LARGEST) * MICRO)


def _reference(row: Mapping[str, Any]) -> Reference:
    means = {
        safe_label(each["feature"]): abs(float(each["mean_contribution"]))
        for each in row["reference"]
        if each and each["feature"] and each["mean_contribution"] is not None
    }
    finite = {name: mean for name, mean in means.items() if np.isfinite(mean)}
    return Reference(float(row["at_s"]), str(row["version"]), finite)


def ranking_agreement(reference: Mapping[str, float], now: Mapping[str, float]) -> float:
    """nDCG, 0 to 1: 1 where ``now`` ranks the inputs as ``reference`` does.

    >>> ranking_agreement({"a": 3.0, "b": 2.0, "c": 1.0}, {"a": 9.0, "b": 5.0, "c": 0.1})
    1.0
    """
    ranked = sorted(reference, key=lambda name: (-now.get(name, 0.0), name))
    discounts = 1.0 / np.log2(np.arange(len(ranked)) + 2.0)
    best = float(np.sort(list(reference.values()))[::-1] @ discounts)
    gained = float(np.array([reference[name] for name in ranked]) @ discounts)
    return min(1.0, gained / best)


class AttributionReader(Reader):
    def __init__(self, arms: Sequence[str]) -> None:
        self._arms = arms

    def families(self, tally: AttributionTally) -> tuple[Family, ...]:
        return (Family((NDCG,), "arm", tuple(dict.fromkeys((*self._arms, *tally.references)))),)

    def reading(self, key: SignalKey, tally: AttributionTally, tick: TickView) -> Reading:
        arm, window = key.labels[0][1], stepped(tick.window(key.window_s), STEP_S)
        reference = tally.references.get(arm)
        if reference is None or len(reference.means) < 2 or not any(reference.means.values()):
            if tick.trouble((SERVED,), key.window_s) is None:
                note = "no model said what its inputs contributed in training"
                return Reading(None, ReadingState.INSUFFICIENT, 0, *window, note)
            return tick.reading(NDCG, (SERVED,), window, None, 0)
        start = series(arm, reference.version)
        sums = {name: tally.sums.window(f"{start}/{name}", *window) for name in reference.means}
        now = {name: micros / max(1, count) for name, (count, micros) in sums.items()}
        rows = max(int(count) for count, _ in sums.values())
        value = ranking_agreement(reference.means, now) if rows else None
        return tick.reading(NDCG, (SERVED,), window, value, rows, "no contributions")


MONITOR = Monitor(
    "attribution",
    (SERVED, MODEL),
    (NDCG,),
    lambda _settings: AttributionTally(),
    lambda settings: AttributionReader(tuple(settings.arms)),
    every_s=10,
)

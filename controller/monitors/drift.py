"""Which model inputs no longer look like what the arm's model was trained on.

Input rows are counted into the quantile bins of the reference that the `model` topic repeats for
the version an arm serves; a new version starts its own counts. Rows that arrive before their
reference are not counted, so exactness in any order holds among rows, not across a new reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.batch_view import BatchView
from controller.monitors.monitor import Arrays, Monitor, label
from controller.monitors.nesting import nested, text_array, unnested
from controller.monitors.slots import Slots, safe_label
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.statistics.drift import (
    CELLS,
    DECISION_BINS,
    LEAST_ROWS,
    DriftResult,
    ReferenceBins,
    compare,
    shifted,
)
from controller.telemetry.schema import MODEL, SERVED

DRIFT_WINDOW_S = 300.0
STEP_S = 5
MOST_FEATURES = 256
"""Features of one reference; the rest is left out, by name order."""
MOST_ARMS = 16
PSI = SignalSpec(
    "drift.psi",
    "value",
    ("feature",),
    LEAST_ROWS,
    DRIFT_WINDOW_S,
    "Population stability index of a model input against its training data, the worst over arms",
    is_drift=True,
)
SHIFTED = SignalSpec(
    "drift.shifted_features",
    "count",
    ("arm",),
    LEAST_ROWS,
    DRIFT_WINDOW_S,
    "Inputs of the arm's model that moved: proven against the rows' own dependence, PSI >= 0.1",
    is_drift=True,
)
SPECS = (PSI, SHIFTED)
_REFERENCE_COLUMNS = ("arm", "status", "at_s", "version", "sha256", "reference")


@dataclass(frozen=True)
class ArmReference:
    """What an arm's serving version was trained on, since when. ``id`` is version and checksum."""

    at_s: float
    id: str
    features: Mapping[str, ReferenceBins]


class DriftTally:
    def __init__(self) -> None:
        self.references: dict[str, ArmReference] = {}
        self.counts: dict[str, Slots] = {}
        """By arm; the series are features."""

    def update(self, rows: BatchView) -> None:
        if rows.topic == MODEL:
            for row in rows.values_of(*_REFERENCE_COLUMNS):
                if row["status"] == "serving" and row["arm"] and row["reference"]:
                    self._refer(safe_label(row["arm"]), _reference(row))
        else:
            self._count(rows)

    def _refer(self, arm: str, reference: ArmReference) -> None:
        held = self.references.get(arm)
        if held is None and len(self.references) >= MOST_ARMS:
            return
        if held is None or (reference.at_s, reference.id) > (held.at_s, held.id):
            if held is None or held.id != reference.id:
                self.counts[arm] = _slots()
            self.references[arm] = reference

    def _count(self, rows: BatchView) -> None:
        if not self.references:
            return
        inputs = rows.nested("inputs")
        feature, values = inputs.labels("feature"), inputs.numbers("value")
        arm = rows.labels("arm")
        counted = rows.labels("role").equal("user", "probe")[inputs.rows] & (feature.codes >= 0)
        arms, seconds = arm.codes[inputs.rows], rows.seconds("done_at_s")[inputs.rows]
        for code, name in enumerate(arm.names):
            reference = self.references.get(name)
            if reference is None:
                continue
            kept = counted & (arms == code)
            codes, cells = feature.codes[kept], np.full(int(kept.sum()), -1, dtype=np.int64)
            for place in np.unique(codes).tolist():
                bins = reference.features.get(feature.names[place])
                if bins is not None:
                    mine = codes == place
                    cells[mine] = bins.cells_of(values[kept][mine])
            known = cells >= 0
            self.counts[name].add(feature.names, codes[known], seconds[kept][known], cells[known])

    def merge(self, other: DriftTally) -> None:
        for arm, reference in other.references.items():
            self._refer(arm, reference)
            if arm in self.references and self.references[arm].id == reference.id:
                self.counts[arm].merge(other.counts[arm])

    def forget(self, before_s: float, after_s: float) -> None:
        for slots in self.counts.values():
            slots.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        arms = list(self.references)
        known = [self.references[arm] for arm in arms]
        parts = {f"counts{place}": self.counts[arm].snapshot() for place, arm in enumerate(arms)}
        bins = [(n, name, b) for n, r in enumerate(known) for name, b in r.features.items()]
        edges = np.full((len(bins), DECISION_BINS - 1), np.nan)
        for row, (_, _, feature) in enumerate(bins):
            edges[row, : feature.edges.size] = feature.edges
        return nested(
            references={
                "arms": text_array(arms),
                "ids": text_array([r.id for r in known]),
                "at": np.array([r.at_s for r in known], dtype=np.float64),
                "of": np.array([n for n, _, _ in bins], dtype=np.int64),
                "features": text_array([name for _, name, _ in bins]),
                "edges": edges,
                "counts": np.array([b.counts for _, _, b in bins], np.int64).reshape(-1, CELLS),
            },
            **parts,
        )

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        table = unnested(arrays, "references")
        features: list[dict[str, ReferenceBins]] = [{} for _ in table["arms"]]
        rows = zip(table["of"], table["features"], table["edges"], table["counts"], strict=True)
        for of, name, edges, counts in rows:
            if counts.shape != (CELLS,):
                raise ValueError("reference bins are not in a shape this program writes")
            features[of][str(name)] = ReferenceBins(edges[np.isfinite(edges)], counts)
        self.references, self.counts = {}, {}
        known = zip(table["arms"].tolist(), table["ids"].tolist(), table["at"], strict=True)
        for place, (arm, reference_id, at_s) in enumerate(known):
            self.references[arm] = ArmReference(float(at_s), reference_id, features[place])
            self.counts[arm] = _slots()
            self.counts[arm].restore(unnested(arrays, f"counts{place}"))


def _slots() -> Slots:
    return Slots(CELLS, most_series=MOST_FEATURES, step_s=STEP_S)


def _reference(row: Mapping[str, Any]) -> ArmReference:
    """Bins that are no bins are left out: a monitor cannot mend what a trainer published."""
    features: dict[str, ReferenceBins] = {}
    given = sorted((f for f in row["reference"] if f["feature"]), key=lambda f: str(f["feature"]))
    for feature in given[:MOST_FEATURES]:
        try:
            edges = np.array(feature["edges"] or [], dtype=np.float64)
            counts = np.array(feature["counts"] or [0], dtype=np.int64)
            bins = ReferenceBins.of(edges, counts, int(feature["null_count"] or 0))
        except (TypeError, ValueError):
            continue
        features[safe_label(feature["feature"])] = bins
    return ArmReference(float(row["at_s"]), f"{row['version']} {row['sha256']}", features)


class DriftReader:
    """Compares once per window, however many signals ask; the result depends on nothing before."""

    def __init__(self, arms: tuple[str, ...]) -> None:
        self._arms = arms

    def read(self, tally: DriftTally, tick: TickView) -> Iterator[tuple[SignalKey, Reading]]:
        compared: dict[tuple[str, float], dict[str, DriftResult]] = {}

        def results(arm: str, window_s: float) -> dict[str, DriftResult]:
            if (arm, window_s) not in compared:
                compared[arm, window_s] = _compare(tally, arm, tick.window(window_s))
            return compared[arm, window_s]

        for arm in tick.series((SHIFTED,), "arm", [*self._arms, *tally.references]):
            for key in tick.keys(SHIFTED, label("arm", arm)):
                yield key, self._of_arm(tick, key.window_s, arm, results(arm, key.window_s), tally)
        known = sorted({name for r in tally.references.values() for name in r.features})
        for feature in tick.series((PSI,), "feature", known):
            for key in tick.keys(PSI, label("feature", feature)):
                each = [results(arm, key.window_s).get(feature) for arm in tally.references]
                worst = max((r for r in each if r is not None), key=_severity, default=None)
                window, rows = tick.window(key.window_s), worst.rows if worst else 0
                idle = "no input rows" if feature in known else ""
                value = worst.psi if worst else None
                yield key, tick.reading(PSI, (SERVED,), window, value, rows, idle)

    @staticmethod
    def _of_arm(
        tick: TickView,
        window_s: float,
        arm: str,
        results: dict[str, DriftResult],
        tally: DriftTally,
    ) -> Reading:
        window = tick.window(window_s)
        rows = max((result.rows for result in results.values()), default=0)
        if arm not in tally.references and tick.trouble((SERVED,), window_s) is None:
            note = "no model said what it was trained on"
            return Reading(None, ReadingState.INSUFFICIENT, 0, *window, note)
        tested = any(result.p_value is not None for result in results.values())
        value = float(len(shifted(results))) if tested else None
        return tick.reading(SHIFTED, (SERVED,), window, value, rows, "no input rows")


def _severity(result: DriftResult) -> tuple[bool, float]:
    return result.rows >= LEAST_ROWS, result.psi


def _compare(tally: DriftTally, arm: str, window: tuple[float, float]) -> dict[str, DriftResult]:
    reference = tally.references.get(arm)
    if reference is None:
        return {}
    results = {}
    for name, bins in reference.features.items():
        slots = tally.counts[arm].between(name, *window)
        if slots:
            blocks = np.array([counts for _, counts in slots], dtype=np.int64)
            results[name] = compare(bins.counts, blocks)
    return results


def _reader(settings: Settings) -> DriftReader:
    return DriftReader(tuple(settings.arms))


MONITOR = Monitor("drift", (SERVED, MODEL), SPECS, lambda _settings: DriftTally(), _reader)

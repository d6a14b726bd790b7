"""Which model inputs no longer look like what the arm's model was trained on.

Input rows are counted into the quantile bins of the reference that the `model` topic repeats for
the version an arm serves; a new version starts its own counts. Rows that arrive before their
reference are not counted, so exactness in any order holds among rows, not across a new reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, text_array, unnested
from controller.monitors.counting.slots import Slots, safe_label
from controller.monitors.data.drift_comparison import DriftComparison
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.statistics.drift import (
    CELLS,
    DECISION_BINS,
    LEAST_ROWS,
    ReferenceBins,
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
        for arm in self.references:
            reference = self.references[arm]

            def make(whole: BatchView, of: ArmReference = reference, arm: str = arm) -> RowEvents:
                return _inputs(whole, arm, of)

            key = ("drift", arm, reference.at_s, reference.id)
            self.counts[arm].count(rows.events(key, make, "done_at_s"))

    def features(self) -> tuple[str, ...]:
        """Every feature some arm's model was trained on."""
        return tuple(sorted({name for r in self.references.values() for name in r.features}))

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


def _inputs(rows: BatchView, arm: str, reference: ArmReference) -> RowEvents:
    """The cell of each input that the arm's reference knows."""
    inputs = rows.nested("inputs")
    feature, values = inputs.labels("feature"), inputs.numbers("value")
    kept = rows.labels("role").equal("user", "probe") & rows.labels("arm").equal(arm)
    counted = kept[inputs.rows] & (feature.codes >= 0)
    cells = np.full(feature.codes.size, -1, dtype=np.int64)
    for code, name in enumerate(feature.names):
        bins = reference.features.get(name)
        if bins is not None:
            mine = np.flatnonzero(counted & (feature.codes == code))
            cells[mine] = bins.cells_of(values[mine])
    seconds = rows.seconds("done_at_s")[inputs.rows]
    return RowEvents.of(
        rows.row_count,
        feature.names,
        cells >= 0,
        inputs.rows,
        feature.codes,
        seconds,
        cells,
    )


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


class DriftReader(Reader):
    """Compares once per window, however many signals ask; the result depends on nothing before."""

    def __init__(self, arms: tuple[str, ...]) -> None:
        self._arms = arms
        self._compared: dict[tuple[str, float], DriftComparison] = {}

    def advance(self, tally: DriftTally, tick: TickView) -> None:  # noqa: ARG002
        self._compared = {}

    def families(self, tally: DriftTally) -> tuple[Family, ...]:
        arms = dict.fromkeys((*self._arms, *tally.references))
        return (
            Family((SHIFTED,), "arm", tuple(arms)),
            Family((PSI,), "feature", tally.features()),
        )

    def reading(self, key: SignalKey, tally: DriftTally, tick: TickView) -> Reading:
        if key.name == SHIFTED.name:
            return self._of_arm(key, tally, tick)
        feature, window = key.labels[0][1], tick.window(key.window_s)
        each = [self._compare(arm, key.window_s, tally, tick) for arm in tally.references]
        known = [(c.rows[feature], c.psi[feature]) for c in each if feature in c.rows]
        rows, psi = max(known, key=_severity, default=(0, None))
        idle = "no input rows" if feature in tally.features() else ""
        return tick.reading(PSI, (SERVED,), window, psi, rows, idle)

    def _of_arm(self, key: SignalKey, tally: DriftTally, tick: TickView) -> Reading:
        arm, window = key.labels[0][1], tick.window(key.window_s)
        if arm not in tally.references:
            if tick.trouble((SERVED,), key.window_s) is None:
                note = "no model said what it was trained on"
                return Reading(None, ReadingState.INSUFFICIENT, 0, *window, note)
            return tick.reading(SHIFTED, (SERVED,), window, None, 0, "no input rows")
        compared = self._compare(arm, key.window_s, tally, tick)
        rows = max(compared.rows.values(), default=0)
        value = None if compared.shifted is None else float(compared.shifted)
        return tick.reading(SHIFTED, (SERVED,), window, value, rows, "no input rows")

    def _compare(
        self, arm: str, window_s: float, tally: DriftTally, tick: TickView
    ) -> DriftComparison:
        found = self._compared.get((arm, window_s))
        if found is None:
            features, counts = tally.references[arm].features, tally.counts[arm]
            found = DriftComparison(features, counts, tick.window(window_s))
            self._compared[arm, window_s] = found
        return found


def _severity(result: tuple[int, float]) -> tuple[bool, float]:
    rows, psi = result
    return rows >= LEAST_ROWS, psi


def _reader(settings: Settings) -> DriftReader:
    return DriftReader(tuple(settings.arms))


MONITOR = Monitor("drift", (SERVED, MODEL), SPECS, lambda _settings: DriftTally(), _reader)

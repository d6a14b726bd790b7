"""Input rows counted in the cells of what each arm's model was trained on.

A new version starts its own counts. Rows that arrive before their reference are not counted, so
exactness in any order holds among rows, not across a new reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, text_array, unnested
from controller.monitors.counting.slots import Slots, safe_label
from controller.monitors.data.drift_hours import HOUR_S, KEPT_S, HourlyCounts
from controller.monitors.data.drift_inputs import ArmReference, InputCells, InputLookup
from controller.monitors.data.drift_storing import reference_arrays, references_from
from controller.monitors.monitor import Arrays
from controller.statistics.reference_bins import CELLS, ReferenceBins
from controller.telemetry.schema import MODEL

STEP_S = 5
MOST_FEATURES = 256
"""Features of one reference; the rest is left out, by name order."""
MOST_ARMS = 16
_REFERENCE_COLUMNS = ("arm", "status", "at_s", "version", "sha256", "reference")


class DriftTally:
    def __init__(self) -> None:
        self.references: dict[str, ArmReference] = {}
        self.counts: dict[str, Slots] = {}
        """By arm; the series are features."""
        self.hours: dict[str, HourlyCounts] = {}
        """The same for whole hours, kept for longer than a week."""
        self._lookup = InputLookup({})

    def update(self, rows: BatchView) -> None:
        if rows.topic == MODEL:
            for row in rows.values_of(*_REFERENCE_COLUMNS):
                if row["status"] == "serving" and row["arm"] and row["reference"]:
                    self._hear(safe_label(row["arm"]), row)
        else:
            self._count(rows)

    def _hear(self, arm: str, row: Mapping[str, Any]) -> None:
        held, at_s = self.references.get(arm), float(row["at_s"])
        reference_id = f"{row['version']} {row['sha256']}"
        if held is not None and held.id == reference_id:
            # Repeated every 30 s: the bins are there already.
            self._refer(arm, ArmReference(at_s, reference_id, held.features))
        else:
            self._refer(arm, ArmReference(at_s, reference_id, _features(row["reference"])))

    def _refer(self, arm: str, reference: ArmReference) -> None:
        held = self.references.get(arm)
        if held is None and len(self.references) >= MOST_ARMS:
            return
        if held is None or (reference.at_s, reference.id) > (held.at_s, held.id):
            if held is None or held.id != reference.id:
                self._begin(arm, len(reference.names))
            self.references[arm] = reference
            self._lookup = InputLookup(self.references)

    def _begin(self, arm: str, features: int) -> None:
        self.counts[arm] = Slots(CELLS, most_series=MOST_FEATURES, step_s=STEP_S)
        self.hours[arm] = HourlyCounts(features)

    def _count(self, rows: BatchView) -> None:
        lookup = self._lookup
        for arm, reference in self.references.items():

            def look(whole: BatchView, arm: str = arm) -> InputCells | None:
                return lookup.cells_of(arm, whole)

            alike: InputCells | None = rows.made((lookup.key, arm, "alike"), look)
            if alike is not None:
                first = rows.part.start
                tables = alike.tables(first, first + rows.row_count, STEP_S)
                self.counts[arm].add_tables(reference.names, tables)
                for step, table in tables:
                    self.hours[arm].add(step * STEP_S // HOUR_S, table)
                continue

            def make(whole: BatchView, arm: str = arm) -> RowEvents:
                return lookup.events_of(arm, whole)

            events = rows.events((lookup.key, arm), make, "done_at_s")
            self.counts[arm].count(events)
            self.hours[arm].count(events)

    def features(self) -> tuple[str, ...]:
        """Every feature some arm's model was trained on."""
        return tuple(sorted({name for r in self.references.values() for name in r.names}))

    def coded_features(self) -> tuple[str, ...]:
        """Those of them that are codes."""
        every = (pair for r in self.references.values() for pair in r.features.items())
        return tuple(sorted({name for name, bins in every if bins.categories is not None}))

    def merge(self, other: DriftTally) -> None:
        for arm, reference in other.references.items():
            self._refer(arm, reference)
            if arm in self.references and self.references[arm].id == reference.id:
                self.counts[arm].merge(other.counts[arm])
                self.hours[arm].merge(other.hours[arm])

    def forget(self, before_s: float, after_s: float) -> None:
        for slots in self.counts.values():
            slots.forget(before_s, after_s)
        for hours in self.hours.values():
            hours.forget(before_s - KEPT_S, after_s)

    def snapshot(self) -> Arrays:
        arms = list(self.references)
        parts = {f"counts{n}": self.counts[arm].snapshot() for n, arm in enumerate(arms)}
        parts |= {f"hours{n}": self.hours[arm].snapshot() for n, arm in enumerate(arms)}
        known = {
            "arms": text_array(arms),
            "ids": text_array([self.references[arm].id for arm in arms]),
            "at": np.array([self.references[arm].at_s for arm in arms], dtype=np.float64),
        }
        features = [self.references[arm].features for arm in arms]
        return nested(known=known, references=reference_arrays(features), **parts)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        known = unnested(arrays, "known")
        arms, ids = known["arms"].tolist(), known["ids"].tolist()
        features = references_from(unnested(arrays, "references"), len(arms))
        self.references, self.counts, self.hours = {}, {}, {}
        for n, (arm, id_, at_s) in enumerate(zip(arms, ids, known["at"], strict=True)):
            self.references[arm] = ArmReference(float(at_s), id_, features[n])
            self._begin(arm, len(features[n]))
            self.counts[arm].restore(unnested(arrays, f"counts{n}"))
            self.hours[arm].restore(unnested(arrays, f"hours{n}"))
        self._lookup = InputLookup(self.references)


def _features(reference: list[Mapping[str, Any] | None]) -> dict[str, ReferenceBins]:
    """Bins that are no bins are left out: a monitor cannot mend what a trainer published."""
    features: dict[str, ReferenceBins] = {}
    given = sorted((f for f in reference if f and f["feature"]), key=lambda f: str(f["feature"]))
    for feature in given[:MOST_FEATURES]:
        try:
            bins = ReferenceBins.of(
                np.array(feature["edges"] or [], dtype=np.float64),
                np.array(feature["counts"] or [0], dtype=np.int64),
                int(feature["null_count"] or 0),
                np.array(feature.get("covariance") or [], dtype=np.float64),
                np.array(feature.get("categories") or [], dtype=np.float64),
            )
        except (TypeError, ValueError):
            continue
        features[safe_label(feature["feature"])] = bins
    return features

"""Which model versions exist, what they were trained on, and which one each arm has loaded.

It knows nothing of requests. A candidate is known from when it was trained and served only when a
plan names it, as by the registry of production.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from controller.core.plan import Plan
from controller.settings import Settings
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import MODEL
from simulator.population.streams import Streams
from simulator.spec import WorldSpec
from simulator.world.inputs import input_names

LATEST = "latest"
"""In a plan: the newest version of the arm that is no candidate."""
FIRST_TRAINED_US = -3_600_000_000
"""The first models are an hour old when the run begins."""
REFERENCE_ROWS = 50_000
BINS = 10

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trained:
    """A version: ``shift_sd`` is how far the inputs were off when it was trained."""

    version: str
    arm: str
    parent: str
    trained_at_us: int
    shift_sd: float = 0.0


class Models:
    """The registry, and for each arm of the plans so far the version loaded."""

    def __init__(self, settings: Settings, spec: WorldSpec, seed: int) -> None:
        self._streams = Streams(seed)
        self._start_s = spec.start_s
        self._names = input_names(spec.inputs)
        self._known: dict[str, Trained] = {}
        self._first: dict[str, str] = {}
        self._references: dict[str, list[Row]] = {}
        for name, arm in settings.arms.items():
            self._first_of(name, arm.version)

    def __getitem__(self, version: str) -> Trained:
        return self._known[version]

    def add(self, version: str, arm: str, at_us: int, shift_sd: float) -> Trained:
        """A candidate. Raise ValueError for a version that exists."""
        if version in self._known:
            raise ValueError(f"version {version!r} exists")
        parent = self._first.get(arm, "")
        trained = self._known[version] = Trained(version, arm, parent, at_us, shift_sd)
        return trained

    def loaded(self, plan: Plan, before: Mapping[str, str]) -> dict[str, str]:
        """Version of each arm of the plan. A version nobody knows is not loaded: the arm goes on
        with what it had."""
        versions = {}
        for name, arm in plan.arms.items():
            if arm.version in self._known:
                versions[name] = arm.version
            elif arm.version != LATEST and name in before:
                versions[name] = before[name]
            else:
                versions[name] = self._first_of(name, arm.version)
        return versions

    def serving_rows(self, served: Mapping[str, str], at_us: int) -> pa.RecordBatch:
        """That each arm serves its version. ``served``: arm to version."""
        rows = [self._row(self._known[v], arm, "serving", at_us) for arm, v in served.items()]
        return batch_from_rows(MODEL, rows)

    def candidate_rows(self, candidates: Sequence[Trained]) -> pa.RecordBatch:
        """That these were trained, each at its time."""
        rows = [self._row(t, t.arm, "candidate", t.trained_at_us) for t in candidates]
        return batch_from_rows(MODEL, rows)

    def _first_of(self, arm: str, version: str) -> str:
        if arm not in self._first:
            name = f"{arm}-1" if version == LATEST else version
            self._known.setdefault(name, Trained(name, arm, "", FIRST_TRAINED_US))
            self._first[arm] = name
        return self._first[arm]

    def _row(self, trained: Trained, arm: str, status: str, at_us: int) -> Row:
        return {
            "at_s": self._start_s + at_us / 1e6,
            "version": trained.version,
            "arm": arm,
            "parent": trained.parent,
            "work_id": "",
            "status": status,
            "uri": f"virtual:{trained.version}",
            "sha256": hashlib.sha256(trained.version.encode()).hexdigest(),
            "gate_metrics": "{}",
            "reference": self._reference(trained),
        }

    def _reference(self, trained: Trained) -> list[Row]:
        """Decile bins of rows as they were when it was trained, kept per version."""
        if trained.version not in self._references:
            stream = self._streams.named(f"reference {trained.version}")
            rows = stream.standard_normal((len(self._names), REFERENCE_ROWS)) + trained.shift_sd
            self._references[trained.version] = [
                _bins(name, values) for name, values in zip(self._names, rows, strict=True)
            ]
        return self._references[trained.version]


def _bins(feature: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> Row:
    edges = np.quantile(values, np.arange(1, BINS) / BINS)
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=BINS)
    return {"feature": feature, "edges": edges.tolist(), "counts": counts.tolist(), "null_count": 0}

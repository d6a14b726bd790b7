"""Reference bins: how each model input was distributed over past requests.

A drift monitor compares what is served with these. They are computed by asking the finished model
about past requests with the features of those moments, so both sides come from the same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.artifact import ReferenceBins
from models.events import ClickHistory, Events, names, sample
from models.gates import hour_at
from models.interactions import HOUR_S
from models.recommender import FeatureValues, Recommender

REQUESTS_LIMIT = 50_000
"""Only edges and counts are kept, so a large reference costs time once and no room."""
NEWEST_SHARE = 0.3
SLOT_S = 15.0
"""Requests of this long share one reading of the hour's counters."""
BINS = 10


def reference_bins(rows: Sequence[Mapping[str, float]]) -> tuple[ReferenceBins, ...]:
    """Quantile bins per input name. A missing or non-finite value counts as null."""
    features = sorted({name for row in rows for name in row})
    return tuple(_bins(name, [row.get(name, float("nan")) for row in rows]) for name in features)


def reference_of(
    model: Recommender, history: ClickHistory, events: Events, *, seed: int
) -> tuple[ReferenceBins, ...]:
    """Bins of the model's inputs over at most 50,000 of the newest requests of ``events``."""
    requests = _newest_requests(events, np.random.default_rng(seed))
    rows: list[Mapping[str, float]] = []
    slot = -1
    hour: Mapping[str, float] = {}
    for user, at_s in zip(requests.user.tolist(), requests.at_s.tolist(), strict=True):
        if int(at_s // SLOT_S) != slot:
            slot = int(at_s // SLOT_S)
            hour = hour_at(events, history, slot * SLOT_S)
        features = FeatureValues(names(events, history.recent(user, at_s)), hour)
        rows.append(model.recommend(int(events.user_ids[user]), 10, features).inputs)
    return reference_bins(rows)


def _newest_requests(events: Events, rng: np.random.Generator) -> Events:
    """One row per request, in time order: a sample of the newest `NEWEST_SHARE`, and where that is
    too few the newest there are. Requests of the first hour, whose counters are not full, come in
    only where there is nothing else."""
    _, first = np.unique(events.request, return_index=True)
    requests = events.rows(np.sort(first))
    full = np.flatnonzero(requests.at_s >= events.at_s[0] + HOUR_S)
    if len(full):
        requests = requests.rows(full)
    newest = max(REQUESTS_LIMIT, round(NEWEST_SHARE * len(requests)))
    requests = requests.rows(slice(max(0, len(requests) - newest), None))
    return requests.rows(sample(len(requests), REQUESTS_LIMIT, rng))


def _bins(feature: str, raw: Sequence[float]) -> ReferenceBins:
    values = np.asarray(raw, dtype=np.float64)
    finite = values[np.isfinite(values)]
    nulls = len(values) - len(finite)
    if not len(finite):
        return ReferenceBins(feature, (), (0,), nulls)
    cuts = np.unique(np.quantile(finite, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    counts = np.bincount(np.searchsorted(cuts, finite, side="left"), minlength=len(cuts) + 1)
    return ReferenceBins(feature, tuple(cuts.tolist()), tuple(counts.tolist()), nulls)

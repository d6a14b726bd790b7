"""Reference bins: how each model input was distributed over past requests.

A drift monitor compares what is served with these. They are computed by asking the finished model
about past requests with the features of those moments, so both sides come from the same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.artifact import ReferenceBins
from models.events import ClickHistory, Events, sample
from models.gates import features_at
from models.recommender import Recommender

REQUESTS_LIMIT = 4_000
BINS = 10


def reference_bins(rows: Sequence[Mapping[str, float]]) -> tuple[ReferenceBins, ...]:
    """Quantile bins per input name. A missing or non-finite value counts as null."""
    features = sorted({name for row in rows for name in row})
    return tuple(_bins(name, [row.get(name, float("nan")) for row in rows]) for name in features)


def reference_of(
    model: Recommender, history: ClickHistory, events: Events, *, seed: int
) -> tuple[ReferenceBins, ...]:
    """Bins of the model's inputs over at most 4,000 requests of ``events``."""
    _, first = np.unique(events.request, return_index=True)
    requests = events.rows(np.sort(first))
    requests = requests.rows(sample(len(requests), REQUESTS_LIMIT, np.random.default_rng(seed)))
    rows = [
        model.recommend(
            int(events.user_ids[user]),
            10,
            features_at(events, history, int(user), float(at_s)),
        ).inputs
        for user, at_s in zip(requests.user, requests.at_s, strict=True)
    ]
    return reference_bins(rows)


def _bins(feature: str, raw: Sequence[float]) -> ReferenceBins:
    values = np.asarray(raw, dtype=np.float64)
    finite = values[np.isfinite(values)]
    nulls = len(values) - len(finite)
    if not len(finite):
        return ReferenceBins(feature, (), (0,), nulls)
    cuts = np.unique(np.quantile(finite, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    counts = np.bincount(np.searchsorted(cuts, finite, side="left"), minlength=len(cuts) + 1)
    return ReferenceBins(feature, tuple(cuts.tolist()), tuple(counts.tolist()), nulls)

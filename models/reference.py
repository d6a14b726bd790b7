"""Reference bins: how each model input was distributed over past requests.

A drift monitor compares what is served with these. They are computed by asking the finished model
about past requests with the features of those moments, so both sides come from the same code. How
far counts of these bins stray by themselves is told by blocks of the rows in order of time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

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
BINS = 16
BLOCK_ROWS = 250
"""Dependence must fade within a block for its counts to show it."""
LEAST_BLOCKS = 20
MOST_CATEGORIES = 20
"""An input with no more values than these is a code, with a bin for each."""
_DIGITS = 6
"""Of a covariance, which is known to a few percent at best; more would only be longer to send."""


def reference_bins(
    rows: Sequence[Mapping[str, float]], mean_contributions: Mapping[str, float] | None = None
) -> tuple[ReferenceBins, ...]:
    """Quantile bins per input name, of rows in order of time. A missing or non-finite value counts
    as null."""
    features = sorted({name for row in rows for name in row})
    means = mean_contributions or {}
    return tuple(
        _bins(name, [row.get(name, float("nan")) for row in rows], means.get(name))
        for name in features
    )


def reference_of(
    model: Recommender, history: ClickHistory, events: Events, *, seed: int
) -> tuple[ReferenceBins, ...]:
    """Bins of the model's inputs over at most 50,000 of the newest requests of ``events``."""
    requests = _newest_requests(events, np.random.default_rng(seed))
    rows: list[Mapping[str, float]] = []
    contributed: dict[str, float] = {}
    slot = -1
    hour: Mapping[str, float] = {}
    for user, at_s in zip(requests.user.tolist(), requests.at_s.tolist(), strict=True):
        if int(at_s // SLOT_S) != slot:
            slot = int(at_s // SLOT_S)
            hour = hour_at(events, history, slot * SLOT_S)
        features = FeatureValues(names(events, history.recent(user, at_s)), hour)
        scored = model.recommend(int(events.user_ids[user]), 10, features)
        rows.append(scored.inputs)
        for name, amount in scored.contributions.items():
            contributed[name] = contributed.get(name, 0.0) + abs(amount)
    return reference_bins(rows, {name: total / len(rows) for name, total in contributed.items()})


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


def _bins(feature: str, raw: Sequence[float], mean_contribution: float | None) -> ReferenceBins:
    values = np.asarray(raw, dtype=np.float64)
    is_finite = np.isfinite(values)
    finite = values[is_finite]
    nulls = len(values) - len(finite)
    if not len(finite):
        return ReferenceBins(feature, (), (0,), nulls, mean_contribution=mean_contribution)
    distinct = np.unique(finite)
    is_code = len(distinct) <= MOST_CATEGORIES
    quantiles = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
    cuts = distinct[:-1] if is_code else np.unique(np.quantile(finite, quantiles))
    cells = np.where(is_finite, np.searchsorted(cuts, values, side="left"), len(cuts) + 1)
    counts = np.bincount(cells, minlength=len(cuts) + 2)[:-1]
    return ReferenceBins(
        feature,
        tuple(cuts.tolist()),
        tuple(counts.tolist()),
        nulls,
        long_run_covariance(cells, len(cuts) + 2),
        tuple(distinct.tolist()) if is_code else (),
        mean_contribution,
    )


def long_run_covariance(cells: NDArray[np.int64], size: int) -> tuple[float, ...]:
    """Per row, of the indicators of ``size`` cells, row by row; empty for too few rows.

    By non-overlapping batch means (Fishman 1978): the covariance of the counts of blocks of
    `BLOCK_ROWS` rows in order of time, by the length of a block.
    """
    blocks = len(cells) // BLOCK_ROWS
    if blocks < LEAST_BLOCKS:
        return ()
    kept = cells[: blocks * BLOCK_ROWS]
    of = np.repeat(np.arange(blocks), BLOCK_ROWS)
    counts = np.bincount(of * size + kept, minlength=blocks * size).reshape(blocks, size)
    off = counts - counts.mean(axis=0)
    covariance = off.T @ off / ((blocks - 1) * BLOCK_ROWS)
    return tuple(float(f"{value:.{_DIGITS}g}") for value in covariance.reshape(-1).tolist())

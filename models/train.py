"""From a table of interactions to a `Trained` value, or to the reason why not.

Pure: no files, no clock; the same table and seed give the same model. Runs anywhere, on Ray or off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from models.artifact import Trained
from models.events import ClickHistory, Events, events_from
from models.factorization import Factorization, Factors, to_arrays, to_parameters
from models.factors import fit_factors
from models.gates import hit_rate, measure
from models.popularity import Popularity
from models.recommender import Array
from models.reference import reference_of
from models.weights import fit_weights

DIMS = 32
CLICKS_LEAST = 100
USERS_LEAST = 5
ITEMS_LEAST = 10
LEARN_WEIGHTS_FROM = 0.7
"""Vectors for the weights' sake are fitted on the rows before this share of the time order."""
GATE_FROM = 0.9
"""The gate measures on the rows after this one."""


@dataclass(frozen=True, slots=True)
class TooLittle:
    """A refusal: what there is too little of to train on."""

    what: str
    found: int
    needed: int

    def __str__(self) -> str:
        return f"too little to learn from: {self.found} {self.what}, at least {self.needed} needed"


def train_popularity(table: pa.Table, *, seed: int = 0) -> Trained | TooLittle:
    """Items by clicks. One click is enough; items shown but never clicked come last."""
    events = events_from(table)
    clicks = int(events.clicked.sum())
    if clicks < 1:
        return TooLittle("clicks", clicks, 1)
    early, late = _split(events, GATE_FROM)
    metrics = {
        "clicks": float(late.clicked.sum()),
        "hit_rate_at_10": hit_rate(_popularity(early), ClickHistory(events), late, seed=seed),
    }
    return Trained(
        kind=Popularity.kind,
        arrays=_popularity_arrays(events),
        gate_metrics={name: value for name, value in metrics.items() if np.isfinite(value)},
        data=_described(events),
    )


def train_factorization(table: pa.Table, *, seed: int = 0, dims: int = DIMS) -> Trained | TooLittle:
    """Vectors, weights, gate and reference.

    Weights are learned on requests the vectors have not seen (rows 70 to 90 % in time), the gate is
    measured on the last tenth with vectors of the first nine, then the vectors are fitted on all.
    """
    events = events_from(table)
    refusal = _too_little(events)
    if refusal is not None:
        return refusal
    history = ClickHistory(events)
    before_gate, gate = _split(events, GATE_FROM)
    early, middle = _split(before_gate, LEARN_WEIGHTS_FROM / GATE_FROM)
    weights = fit_weights(_fit(early, dims, seed), history, middle, seed=seed)
    gate_factors = _fit(before_gate, dims, seed)
    metrics = measure(
        Factorization("", gate_factors, weights),
        _popularity(before_gate),
        gate_factors,
        weights,
        history,
        gate,
        seed=seed,
    )
    factors = _fit(events, dims, seed)
    return Trained(
        kind=Factorization.kind,
        arrays=to_arrays(factors),
        parameters=to_parameters(weights),
        gate_metrics=metrics,
        reference=reference_of(Factorization("", factors, weights), history, events, seed=seed),
        data=_described(events),
    )


def _fit(events: Events, dims: int, seed: int) -> Factors:
    return fit_factors(events, dims=dims, seed=seed)


def _split(events: Events, share: float) -> tuple[Events, Events]:
    """Before and after a share of the rows in time order."""
    cut = int(len(events) * share)
    return events.rows(slice(0, cut)), events.rows(slice(cut, None))


def _too_little(events: Events) -> TooLittle | None:
    clicks = events.rows(events.clicked)
    for what, found, needed in (
        ("clicks", len(clicks), CLICKS_LEAST),
        ("users with clicks", len(np.unique(clicks.user)), USERS_LEAST),
        ("items with clicks", len(np.unique(clicks.item)), ITEMS_LEAST),
    ):
        if found < needed:
            return TooLittle(what, found, needed)
    return None


def _popularity_arrays(events: Events) -> dict[str, Array]:
    clicks = np.bincount(events.item[events.clicked], minlength=len(events.item_ids))
    order = np.argsort(-clicks, kind="stable")
    return {
        "item_ids": events.item_ids[order],
        "scores": np.log1p(clicks[order]).astype(np.float32),
    }


def _popularity(events: Events) -> Popularity:
    return Popularity.from_arrays("", _popularity_arrays(events), {})


def _described(events: Events) -> dict[str, float]:
    return {
        "rows": float(len(events)),
        "clicks": float(events.clicked.sum()),
        "users": float(len(events.user_ids)),
        "items": float(len(events.item_ids)),
        "first_at_s": float(events.at_s[0]),
        "last_at_s": float(events.at_s[-1]),
    }

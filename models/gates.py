"""The offline gate: how a model does on the last tenth of the data, against popularity.

The models measured here were trained on what came before. The hit rate asks the recommender
itself, with the features that were in the store at that moment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from models.events import ClickHistory, Events, names, sample
from models.factorization import Factorization, Factors, Weights, weight_vector
from models.recommender import FeatureValues, Recommender
from models.weights import example_features, with_negatives

SLATE = 10
CLICKS_LIMIT = 1_000


def features_at(events: Events, history: ClickHistory, user: int, at_s: float) -> FeatureValues:
    """What the feature store would have served this user code at that moment."""
    return FeatureValues(names(events, history.recent(user, at_s)), hour_at(events, history, at_s))


def hour_at(events: Events, history: ClickHistory, at_s: float) -> dict[str, float]:
    """Clicks per item in the hour before, as the feature store would have served them."""
    counts = history.hour_counts(at_s)
    hot = np.flatnonzero(counts)
    return dict(zip(names(events, hot), counts[hot].astype(float).tolist(), strict=True))


def hit_rate(model: Recommender, history: ClickHistory, events: Events, *, seed: int) -> float:
    """Share of (at most 1,000) clicked rows whose item is in the model's top 10; NaN of none."""
    clicks = events.rows(events.clicked)
    clicks = clicks.rows(sample(len(clicks), CLICKS_LIMIT, np.random.default_rng(seed)))
    if not len(clicks):
        return float("nan")
    hits = 0
    for user, item, at_s in zip(clicks.user, clicks.item, clicks.at_s, strict=True):
        features = features_at(events, history, int(user), float(at_s))
        slate = model.recommend(int(events.user_ids[user]), SLATE, features).item_ids
        hits += str(events.item_ids[item]) in slate
    return hits / len(clicks)


def area_under_curve(
    factors: Factors, weights: Weights, history: ClickHistory, events: Events, *, seed: int
) -> tuple[float, float]:
    """AUC of clicked against not clicked for the model and for popularity; NaN where undefined."""
    examples = with_negatives(events, np.random.default_rng(seed))
    if not examples.clicked.any() or examples.clicked.all():
        return float("nan"), float("nan")
    features = example_features(factors, history, examples)
    scores: NDArray[np.float64] = features[:, :-1] @ weight_vector(weights)
    popularity = factors.item_bias[examples.item]
    return (
        float(roc_auc_score(examples.clicked, scores)),
        float(roc_auc_score(examples.clicked, popularity)),
    )


def measure(
    model: Factorization,
    popularity: Recommender,
    factors: Factors,
    weights: Weights,
    history: ClickHistory,
    events: Events,
    *,
    seed: int,
) -> dict[str, float]:
    """Finite gate metrics of a factorization; ``passes`` is 1 where it is no worse at hits."""
    auc, popularity_auc = area_under_curve(factors, weights, history, events, seed=seed)
    metrics = {
        "clicks": float(events.clicked.sum()),
        "hit_rate_at_10": hit_rate(model, history, events, seed=seed),
        "popularity_hit_rate_at_10": hit_rate(popularity, history, events, seed=seed),
        "auc": auc,
        "popularity_auc": popularity_auc,
    }
    finite = {name: value for name, value in metrics.items() if np.isfinite(value)}
    better = metrics["hit_rate_at_10"] >= metrics["popularity_hit_rate_at_10"]
    return finite | {"passes": float(bool(better))}

"""How much each term of the score matters: logistic regression on past requests.

Each example is an item at a past request with the features known then; the label is the click.
The position it was shown at is fitted along and left out afterwards, so that a click owed to the
top of the slate is not credited to the item. History has no unclicked rows: there, items drawn at
random stand for what was not clicked.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.events import ClickHistory, Events, sample
from models.factorization import Factorization, Factors, Weights
from models.heat import heat_of

EXAMPLES_LIMIT = 20_000
EXAMPLES_LEAST = 50
NEGATIVES_PER_CLICK = 4
_TERMS = 5
_ONLY_HELPS = (0, 1, 2)
"""User, recent, hot: a negative weight there is noise or their likeness to each other; such a term
is left out and the rest is fitted again."""

Features = NDArray[np.float64]


def fit_weights(factors: Factors, history: ClickHistory, events: Events, *, seed: int) -> Weights:
    """Weights learned on ``events``, which the factors must not have seen.

    The defaults of `Weights` below 50 examples or with only one kind of label.
    """
    rng = np.random.default_rng(seed)
    examples = with_negatives(events, rng)
    features = example_features(factors, history, examples)
    labels = examples.clicked
    if len(labels) < EXAMPLES_LEAST or labels.all() or not labels.any():
        return Weights()
    scale = np.maximum(features.std(axis=0), 1e-6)
    used = list(range(_TERMS + 1))
    while True:
        model = LogisticRegression(C=1.0, max_iter=500, random_state=seed)
        model.fit(features[:, used] / scale[used], labels)
        learned = np.zeros(_TERMS + 1)
        learned[used] = model.coef_[0] / scale[used]
        absurd = [term for term in _ONLY_HELPS if learned[term] < 0.0]
        if not absurd:
            return Weights(*(float(value) for value in learned[:_TERMS]))
        used = [term for term in used if term not in absurd]


def with_negatives(events: Events, rng: np.random.Generator) -> Events:
    """At most 20,000 rows in time order, where history's clicks bring random unclicked items."""
    chosen = events.rows(sample(len(events), EXAMPLES_LIMIT // (1 + NEGATIVES_PER_CLICK), rng))
    if events.served.any():
        shown = events.rows(events.served)
        chosen = shown.rows(sample(len(shown), EXAMPLES_LIMIT, rng))
        history = events.rows(~events.served & events.clicked)
        few = sample(len(history), len(chosen) // (1 + NEGATIVES_PER_CLICK), rng)
        past = _beside_random(history.rows(few), rng)
        return _merge(chosen, past)
    return _beside_random(chosen.rows(chosen.clicked), rng)


def example_features(factors: Factors, history: ClickHistory, examples: Events) -> Features:
    """(rows, 6): u·v, r·v, heat, log1p(ever), is recent, log1p(position)."""
    model = Factorization("", factors, Weights())
    out = np.zeros((len(examples), _TERMS + 1))
    moment: tuple[int, float] | None = None
    recent: list[int] = []
    user_vector = recent_vector = np.zeros(factors.items.shape[1], dtype=np.float32)
    heat = np.zeros(len(factors.item_ids), dtype=np.float32)
    for row in range(len(examples)):
        user, at_s, item = int(examples.user[row]), float(examples.at_s[row]), examples.item[row]
        if moment != (user, at_s):
            moment = (user, at_s)
            recent = history.recent(user, at_s)
            heat = heat_of(history.hour_counts(at_s))
            user_vector = factors.users[user]
            recent_vector = model.recent_vector(recent)
        vector = factors.items[item]
        out[row, :4] = (
            user_vector @ vector,
            recent_vector @ vector,
            heat[item],
            factors.item_bias[item],
        )
        out[row, 4] = float(item in recent)
    out[:, 5] = np.log1p(examples.position)
    return out


def _beside_random(clicks: Events, rng: np.random.Generator) -> Events:
    copies = np.repeat(np.arange(len(clicks)), 1 + NEGATIVES_PER_CLICK)
    rows = clicks.rows(copies)
    original = np.arange(len(copies)) % (1 + NEGATIVES_PER_CLICK) == 0
    random_items = rng.integers(0, len(clicks.item_ids), size=len(copies))
    rows.item[~original] = random_items[~original]
    rows.clicked[:] = original
    return rows


def _merge(one: Events, other: Events) -> Events:
    at_s = np.concatenate([one.at_s, other.at_s])
    order = np.argsort(at_s, kind="stable")

    def both(name: str) -> NDArray[np.generic]:
        joined: NDArray[np.generic] = np.concatenate([getattr(one, name), getattr(other, name)])
        return joined[order]

    names = ["user", "item", "position", "clicked", "served", "request"]
    parts = {name: both(name) for name in names}
    return Events(
        at_s=at_s[order],
        user_ids=one.user_ids,
        item_ids=one.item_ids,
        **parts,  # type: ignore[arg-type]
    )

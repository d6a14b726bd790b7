"""Interactions before the run, so that first models can be trained: users in sessions, shown
slates by a popularity-biased recommender that half knows them and explores. Vectorized over slots
of a few seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from serving.routing.identity import hash_user
from simulator.population.clicks import Clicks
from simulator.population.moods import Moods
from simulator.population.people import Floats, Integers, Population
from simulator.population.streams import Streams
from simulator.population.trends import Trends

INTERACTIONS = pa.schema(
    [
        ("request_id", pa.binary(16)),
        ("at_s", pa.float64()),
        ("user_id", pa.uint64()),
        ("item_id", pa.string()),
        ("position", pa.int16()),
        ("clicked", pa.bool_()),
        ("arm", pa.string()),
        ("source", pa.string()),
    ]
)
SLATES = 30_000
SLATE_SIZE = 10
SLOT_S = 10.0
SESSION_SLATES = 24.0
"""Mean slates of a session (geometric)."""
SESSION_GAP_S = 12.0
"""Mean seconds between the slates of a session, beyond one slot."""
EXPLORE = 0.25
"""Share of positions filled by pure chance."""
TASTE_PULL = 2.0
"""Log-odds per cosine with the user's taste and with what they just clicked: without it there are
too few clicks to learn from."""


def history(
    population: Population,
    seed: int,
    hours: float,
    now_s: float,
    *,
    key: bytes,
    slates: int = SLATES,
) -> pa.Table:
    """About ``slates`` times ``SLATE_SIZE`` rows of shown items in the ``hours`` before ``now_s``.

    Sorted by time; ``key`` is the service's token key, under which user ids are hashed.
    """
    streams = Streams(seed)
    users, at_s = _visits(population, streams.named("history visits"), slates, now_s, hours)
    moods, trends = Moods(population), Trends(population)
    clicks = Clicks(population, moods, trends)
    shown_stream = streams.named("history slates")
    click_stream = streams.named("history clicks")
    shown, clicked = [], []
    for rows in _slots(at_s, users):
        pull = population.taste[users[rows]] + moods.recents(users[rows], at_s[rows])
        liked = trends.at(float(at_s[rows[0]])) + TASTE_PULL * (pull @ population.item_vectors.T)
        slate = _explored(np.log(population.popularity) + liked, shown_stream)
        chances = clicks.chances(users[rows], slate, at_s[rows])
        hits = click_stream.random(chances.shape) < chances
        moods.follow(users[rows], slate, hits, at_s[rows])
        shown.append(slate)
        clicked.append(hits)
    order = np.concatenate([np.zeros(0, np.int64), *_slots(at_s, users)])
    return _table(population, key, streams, users[order], at_s[order], shown, clicked)


def _visits(
    population: Population, stream: np.random.Generator, slates: int, now_s: float, hours: float
) -> tuple[Integers, Floats]:
    """(user rows, times) of every slate, by time: sessions of users drawn by activity."""
    lengths = stream.geometric(1.0 / SESSION_SLATES, size=round(slates / SESSION_SLATES))
    owners = stream.choice(len(population.user_ids), len(lengths), p=population.activity)
    starts_s = now_s - stream.uniform(0.0, hours * 3600.0, size=len(lengths))
    session = np.repeat(np.arange(len(lengths)), lengths)
    gaps_s = SLOT_S + stream.exponential(SESSION_GAP_S, size=len(session))
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    elapsed_s = np.cumsum(gaps_s) - np.cumsum(gaps_s)[first]
    at_s = starts_s[session] + elapsed_s
    order = np.argsort(at_s, kind="stable")
    order = order[at_s[order] < now_s]
    return owners[session][order].astype(np.int64), at_s[order]


def _slots(at_s: Floats, users: Integers) -> Iterator[Integers]:
    """Rows by slot of time, each user at most once in a batch, in order of time."""
    slots = (at_s // SLOT_S).astype(np.int64)
    for rows in np.split(np.arange(len(at_s)), np.flatnonzero(np.diff(slots)) + 1):
        left = rows
        while len(left):
            _, first = np.unique(users[left], return_index=True)
            yield left[np.sort(first)]
            left = np.delete(left, first)


def _explored(log_weights: Floats, stream: np.random.Generator) -> Integers:
    """(n, SLATE_SIZE) distinct item rows for (n, items) weights: weighted sampling without
    replacement by Gumbel keys, with some positions by chance alone."""
    keys = log_weights + stream.gumbel(size=log_weights.shape)
    best = np.argpartition(-keys, SLATE_SIZE, axis=1)[:, :SLATE_SIZE]
    slate = np.take_along_axis(best, stream.random(best.shape).argsort(axis=1), axis=1)
    wild = stream.integers(log_weights.shape[1], size=slate.shape)
    explored = np.where(stream.random(slate.shape) < EXPLORE, wild, slate)
    in_order = np.sort(explored, axis=1)
    doubled = (np.diff(in_order, axis=1) == 0).any(axis=1)
    return np.where(doubled[:, None], slate, explored).astype(np.int64)


def _table(
    population: Population,
    key: bytes,
    streams: Streams,
    users: Integers,
    at_s: Floats,
    shown: list[Integers],
    clicked: list[np.ndarray],
) -> pa.Table:
    requests = len(users)
    ids = streams.named("history ids").bytes(16 * requests)
    hashed = np.array([hash_user(key, user) for user in population.user_ids], dtype=np.uint64)
    items = pa.array(population.item_ids, pa.string())
    rows = requests * SLATE_SIZE
    return pa.table(
        {
            "request_id": pa.array(
                [ids[16 * n : 16 * n + 16] for n in range(requests)], pa.binary(16)
            ).take(pa.array(np.repeat(np.arange(requests), SLATE_SIZE))),
            "at_s": np.repeat(at_s, SLATE_SIZE),
            "user_id": np.repeat(hashed[users], SLATE_SIZE),
            "item_id": items.take(pa.array(np.concatenate(shown).ravel())),
            "position": np.tile(np.arange(SLATE_SIZE, dtype=np.int16), requests),
            "clicked": np.concatenate(clicked).ravel(),
            "arm": pa.array(["history"] * rows, pa.string()),
            "source": pa.array(["history"] * rows, pa.string()),
        },
        schema=INTERACTIONS,
    ).sort_by([("at_s", "ascending"), ("request_id", "ascending"), ("position", "ascending")])

"""Latency histograms: how fast they count, and how exact p99 is after 16 workers are merged."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.figure import Figure
from controller.statistics.log_histogram import LogBuckets, LogHistogram

SEED = 1
VALUES = 100_000
WORKERS = 16
ORDERS = 200
BUCKETS = LogBuckets(0.05, 60_000.0)


def figures(quick: bool) -> Iterator[Figure]:
    random = np.random.default_rng(SEED)
    yield _speed(random, 20 if quick else 200)
    yield _exactness(random, 20 if quick else ORDERS)


def _speed(random: np.random.Generator, rounds: int) -> Figure:
    values = random.lognormal(3.0, 0.5, VALUES)
    edges = np.geomspace(0.05, 60_000.0, BUCKETS.size - 1)
    histogram = LogHistogram(BUCKETS)
    rate = VALUES / _median_s(lambda: histogram.record(values), rounds)
    floor = VALUES / _median_s(
        lambda: np.bincount(np.searchsorted(edges, values), minlength=BUCKETS.size), rounds
    )
    return Figure(
        "latencies into the log histogram",
        rate,
        "values/s",
        floor,
        rate / floor,
        ">= 5000000 values/s",
        rate >= 5e6,
    )


def _exactness(random: np.random.Generator, orders: int) -> Figure:
    """The worst relative error of p99 against the sorted values, over orders of merging."""
    parts = [random.lognormal(3.0 + 0.05 * n, 0.8, 10_000) for n in range(WORKERS)]
    workers = [LogHistogram(BUCKETS) for _ in parts]
    for worker, values in zip(workers, parts, strict=True):
        worker.record(values)
    exact = float(np.quantile(np.concatenate(parts), 0.99, method="inverted_cdf"))
    found = []
    for _ in itertools.repeat(None, orders):
        merged = LogHistogram(BUCKETS)
        for place in random.permutation(WORKERS).tolist():
            merged.merge(workers[place])
        p99 = merged.quantile(0.99)
        assert p99 is not None
        found.append(p99)
    worst = max(abs(p99 - exact) / exact for p99 in found)
    return Figure(
        f"p99 of {WORKERS} workers merged in {orders} orders, worst error",
        worst * 100.0,
        "%",
        exact,
        None,
        "<= 1 % of exact, the same in every order",
        worst <= 0.01 and len(set(found)) == 1,
    )


def _median_s(call: Callable[[], Any], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        start_s = time.process_time()
        call()
        took.append(time.process_time() - start_s)
    return statistics.median(took)

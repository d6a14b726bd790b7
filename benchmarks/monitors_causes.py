"""Is the segment that changed named and ranked first? And is nothing named when nothing changed?

A service of 50 requests/s whose sampled inputs (4 rows/s) and counts of an hour are filled as the
tallies hold them; the change is ten minutes old. Beside each share stands what a guess would give:
one of all groups.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.figure import Figure
from controller.core.readings import SignalKey
from controller.monitors.causes.explain import explain
from controller.monitors.causes.input_sample import ROWS_PER_STEP, SampledRows
from controller.monitors.causes.segments import CELLS, QUICK_STEP_S, STEP_S, SegmentTally
from controller.monitors.counting.batch_view import BatchView
from controller.settings import Settings
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import SERVED

FIRST_SEED = 40_000
"""Constants were chosen on other seeds; these only count."""
FEATURES = 20
REQUESTS_PER_STEP = 3_000
"""50 requests/s."""
MINUTES = 80
RECENT_MINUTES = 10
START_S = 1_790_000_040 // STEP_S * STEP_S
WINDOW_S = 600.0
DRIFT = SignalKey("drift.shifted_features", (("arm", "primary"),), 600.0)
CTR = SignalKey("ctr", (("arm", "primary"),), 600.0)


def figures(quick: bool) -> Iterator[Figure]:
    """Shares of seeds in percent, and the cost of one explanation."""
    seeds = range(FIRST_SEED, FIRST_SEED + (30 if quick else 200))
    for columns in (2, 8):
        first = [_shifted(seed, columns) for seed in seeds]
        name = f"5 % segment, 1 sd, first ({columns} columns)"
        yield _share(name, first, _groups(columns), "at least 95 % of seeds")
        dropped = [_dropped(seed, columns) for seed in seeds]
        name = f"20 % segment, CTR 5 to 3 %, first ({columns} columns)"
        yield _share(name, dropped, _groups(columns), "at least 95 % of seeds")
    false = [_nothing(seed, 8) for seed in seeds]
    share = 100.0 * float(np.mean(false))
    # Over few seeds the share is coarse: one false seed of 30 is 3 %.
    yield Figure(
        "a cause named though nothing changed", share, "% of seeds", None, None, "5 %", share <= 5.0
    )
    yield from _cost()


def _share(name: str, found: Sequence[bool], groups: int, goal: str) -> Figure:
    share, chance = 100.0 * float(np.mean(found)), 100.0 / groups
    return Figure(name, share, "% of seeds", chance, share / chance, goal, share >= 95.0)


def _cost() -> Iterator[Figure]:
    tally = _filled(np.random.default_rng(7), 8)
    began_s = time.process_time()
    explain(tally, (DRIFT,), _end_s(), ())
    spent_ms = (time.process_time() - began_s) * 1_000.0
    goal = "at most 500 ms, once per incident, between two ticks"
    name = "explain, 8 columns, 20 features"
    yield Figure(name, spent_ms, "ms", None, None, goal, spent_ms <= 500.0)
    size_mb = sum(array.nbytes for array in tally.snapshot().values()) / 1e6
    name = "an hour of counts, 8 columns, 20 features"
    yield Figure(name, size_mb, "MB", None, None, "at most 4 MB", size_mb <= 4.0)
    yield _update(tally)


def _update(tally: SegmentTally) -> Figure:
    """Fresh batches, whose columns are made here; among other monitors most are there already."""
    rng = np.random.default_rng(8)
    batches = [batch_from_rows(SERVED, _rows(rng)) for _ in range(6)]
    spent_s = []
    for batch in batches * 5:
        view = BatchView(SERVED, 0, batch.slice(0))
        began_s = time.process_time()
        tally.update(view)
        spent_s.append(time.process_time() - began_s)
    # The floor: one bincount of as many places as there are groups of the rows.
    places = rng.integers(0, tally.groups.count, 46_000)
    floor_s = []
    for _ in range(len(spent_s)):
        began_s = time.process_time()
        np.bincount(places)
        floor_s.append(time.process_time() - began_s)
    # The best of as many rounds: what other programs do to the caches is not ours.
    floor_ms, spent_ms = min(floor_s) * 1_000.0, min(spent_s) * 1_000.0
    name = "update with 1,000 rows, 8 columns, 20 inputs"
    ratio, goal = spent_ms / floor_ms, "at most 2 ms with all columns made"
    return Figure(name, spent_ms, "ms", floor_ms, ratio, goal, spent_ms <= 2.0)


def _rows(rng: np.random.Generator) -> list[dict[str, Any]]:
    at_s = _end_s() + 1.0
    return [
        {
            "request_id": rng.bytes(16),
            "at_s": at_s,
            "done_at_s": at_s + 0.02,
            "role": "user",
            "arm": "primary",
            "served_by": "primary",
            "outcome": "ok",
            "latency_ms": 20.0,
            "feature_ages": [{"group": "user_recent", "age_s": 4.0}],
            "defaulted": [],
            "inputs": [{"feature": f"f{n}", "value": float(n)} for n in range(FEATURES)],
            **{f"segment.s{c}": ("usual", "some")[int(rng.integers(2))] for c in range(8)},
        }
        for _ in range(1_000)
    ]


def _shifted(seed: int, columns: int) -> bool:
    """One of 20 features of a segment with 5 % of the traffic moves by one standard deviation."""
    rng = np.random.default_rng(seed)
    tally = _filled(rng, columns, shift=1.0)
    _, causes = explain(tally, (DRIFT,), _end_s(), ())
    return bool(causes) and causes[0].what == "s0=rare: f3"


def _dropped(seed: int, columns: int) -> bool:
    """Clicks of a segment with 20 % of the traffic fall from 5 to 3 %."""
    rng = np.random.default_rng(seed)
    tally = _filled(rng, columns, ctr=0.03)
    _, causes = explain(tally, (CTR,), _end_s(), ())
    return bool(causes) and causes[0].what == "s1=some"


def _nothing(seed: int, columns: int) -> bool:
    tally = _filled(np.random.default_rng(10_000 + seed), columns)
    _, causes = explain(tally, (CTR,), _end_s(), ())
    return bool(causes)


def _filled(
    rng: np.random.Generator, columns: int, shift: float = 0.0, ctr: float = 0.05
) -> SegmentTally:
    """Counts of an hour and twenty minutes; in the last ten minutes a segment may be otherwise.

    Inputs are normal, correlated by 0.3, and differ between segments; so do click rates.
    """
    values = {f"s{c}": ("usual", "some", "rare") for c in range(columns)}
    settings = Settings(segments=values, attribution_window_s=WINDOW_S)
    tally = SegmentTally(settings)
    tally.sample.places_of([f"f{n}" for n in range(FEATURES)])
    chances = np.array([0.75, 0.20, 0.05])
    begins = START_S // STEP_S - int(WINDOW_S // STEP_S)
    for step in range(begins, START_S // STEP_S + MINUTES):
        codes = np.zeros((REQUESTS_PER_STEP, columns + 1), np.uint8)
        codes[:, 1:] = rng.choice(3, (REQUESTS_PER_STEP, columns), p=chances)
        cells = np.where(rng.random(REQUESTS_PER_STEP) < 0.002, 1, 0)
        table = tally.groups.counts(codes, cells, CELLS)
        tally.requests.add(step, table)
        if step >= START_S // STEP_S + MINUTES - 5:
            tally.quick.add(step * STEP_S // QUICK_STEP_S, table)
        is_recent = step >= START_S // STEP_S + MINUTES - RECENT_MINUTES
        matured = step >= START_S // STEP_S + MINUTES - RECENT_MINUTES - WINDOW_S // STEP_S - 1
        rate = 0.045 + 0.01 * (codes[:, -1] == 0)
        rate = np.where(matured & (codes[:, 2] == 1), rate * ctr / 0.05, rate)
        clicked = np.flatnonzero(rng.random(REQUESTS_PER_STEP) < rate)
        tally.clicks.add(step, tally.groups.counts(codes[clicked], np.zeros_like(clicked), 1))
        inputs = rng.normal(size=(ROWS_PER_STEP, FEATURES)) + 0.65 * rng.normal(
            size=(ROWS_PER_STEP, 1)
        )
        inputs[:, 0] += codes[:ROWS_PER_STEP, 2]
        if is_recent:
            inputs[codes[:ROWS_PER_STEP, 1] == 2, 3] += shift * np.sqrt(1.0 + 0.65**2)
        hashes = rng.integers(0, 2**63, ROWS_PER_STEP).astype(np.uint64)
        rows = SampledRows(hashes, codes[:ROWS_PER_STEP], inputs.astype(np.float32))
        tally.sample.add(step, rows)
    return tally


def _end_s() -> float:
    return float(START_S + MINUTES * STEP_S - 1)


def _groups(columns: int) -> int:
    values = {f"s{c}": ("usual", "some", "rare") for c in range(columns)}
    return SegmentTally(Settings(segments=values)).groups.count

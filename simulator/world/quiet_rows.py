"""The rows of a quiet span, in the columns of `Handled`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.visits import Integers
from simulator.world.handled import Cache, Outcome, Reason, Result
from simulator.world.quiet_cache import KEPT, MISS
from simulator.world.quiet_span import Span, Tries
from simulator.world.rows import Columns, Part, probe_columns, user_columns
from simulator.world.slab import Slab


def part_of(span: Span) -> Part:
    return Part(
        user_columns(span.slab, span.visit, _users(span)),
        probe_columns(span.slab, span.probes.visit, _probes(span)),
    )


def _users(span: Span) -> Columns:
    slab, plan, n = span.slab, span.slab.plan, len(span.visit)
    remote, tries = span.remote, span.tries
    hit = span.source != MISS
    result = np.full(n, Result.NONE, dtype=np.int8)
    result[span.local] = Result.OK
    result[remote] = np.where(span.tried, tries.result, Result.SKIPPED)
    reason = np.zeros(n, dtype=np.int8)
    skipped = np.where(hit, Reason.CACHE_HIT, Reason.NO_TIME)
    reason[remote] = np.where(span.tried, _REASONS[tries.result], skipped)
    cache = np.full(n, Cache.BYPASS, dtype=np.int8)
    readers = remote[span.reader]
    cache[readers] = np.where(hit[span.reader], Cache.HIT, Cache.MISS)
    local_us = slab.local_us[span.visit]
    elapsed_us = np.where(span.local, local_us, 0)
    elapsed_us[remote] = np.where(span.tried, tries.elapsed_us, 0)
    is_late = span.latency_us / 1000.0 > plan.request_deadline_ms
    outcome = np.where(is_late, Outcome.LATE, np.where(span.shed, Outcome.SHED, Outcome.OK))
    stamping = plan.evaluation is not None and plan.evaluation.stamping and plan.evaluation.id != ""
    age_us, defaulted = _user_features(span, hit)
    return {
        "drawn": span.drawn,
        "chances_id": np.where(span.shed, -1, slab.chances_id[span.visit]),
        "stamped": ~span.shed & stamping,
        "result": result,
        "reason": reason,
        "elapsed_us": elapsed_us,
        "second_us": np.where(span.is_answered, -1, local_us),
        "served_by": np.where(span.is_answered, span.drawn, slab.fallback),
        "outcome": outcome,
        "latency_us": span.latency_us,
        "queue_depth": span.in_flight[span.router, span.slot],
        "cache": cache,
        "age_us": age_us,
        "defaulted": defaulted,
    }


_REASONS = np.array([Reason.NOTHING, Reason.DEADLINE, Reason.FAILED], dtype=np.int8)
"""By the result of an attempt that was made."""


def _user_features(span: Span, hit: NDArray[np.bool_]) -> tuple[Integers, NDArray[np.bool_]]:
    slab, remote = span.slab, span.remote
    shape = (len(span.visit), slab.events_us.shape[1])
    age_us = np.full(shape, -1, dtype=np.int64)
    defaulted = np.zeros(shape, dtype=np.bool_)
    answered = span.tried & (span.tries.result == Result.OK)
    rows = remote[answered]
    age_us[rows], defaulted[rows] = _features(slab, span.visit[rows])
    rows = np.flatnonzero(hit)
    age_us[remote[rows]] = span.at_us[remote[rows], None] - _events_of_hits(span, rows)
    return age_us, defaulted


def _features(slab: Slab, visit: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    nulls = slab.nulls[visit]
    ages_us = slab.visits.at_us[visit][:, None] - slab.events_us[visit]
    return np.where(nulls, -1, ages_us), nulls


def _events_of_hits(span: Span, rows: Integers) -> Integers:
    """(hits, groups) event times of the features of the answers that were found."""
    source = span.source[rows]
    reader_of = np.full(len(span.remote), -1, dtype=np.int64)
    reader_of[span.reader] = np.arange(len(span.reader))
    events_us = span.readers.events_us[reader_of[rows]]
    new = np.flatnonzero(source >= 0)
    writers = span.tries.visit[span.reader[source[new]]]
    events_us[new] = span.slab.events_us[writers]
    for i in np.flatnonzero(source < KEPT).tolist():
        kept = span.under_way[KEPT - 1 - int(source[i])].keeping
        assert kept is not None
        events_us[i] = kept.events_us
    return events_us


def _probes(span: Span) -> Columns:
    probes: Tries = span.probes
    count = len(probes.visit)
    is_good = probes.result == Result.OK
    age_us, defaulted = _features(span.slab, probes.visit)
    used = is_good & ~span.slab.in_process[probes.arm]
    age_us[~used], defaulted[~used] = -1, False
    return {
        "drawn": probes.arm,
        "chances_id": np.full(count, -1),
        "stamped": np.zeros(count, dtype=np.bool_),
        "result": probes.result,
        "reason": _REASONS[probes.result],
        "elapsed_us": probes.elapsed_us,
        "second_us": np.full(count, -1),
        "served_by": np.where(is_good, probes.arm, -1),
        "outcome": _OUTCOMES[probes.result],
        "latency_us": probes.elapsed_us,
        "queue_depth": np.zeros(count, dtype=np.int64),
        "cache": np.full(count, Cache.BYPASS),
        "age_us": age_us,
        "defaulted": defaulted,
    }


_OUTCOMES = np.array([Outcome.OK, Outcome.LATE, Outcome.ERROR], dtype=np.int8)
"""By the result of a probe."""

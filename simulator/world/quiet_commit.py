"""Moving the state to the end of a quiet span: what folding in attempt by attempt would leave."""

from __future__ import annotations

import heapq

import numpy as np

from simulator.visits import Integers
from simulator.world.folding import keep
from simulator.world.handled import Result
from simulator.world.quiet_span import Span
from simulator.world.state import USER_TURN, Keeping, UnderWay


def commit(span: Span) -> None:
    """Call it once, and only with a span that nothing disturbed."""
    state = span.state
    for key, watched in span.watched.items():
        state.breaker(*key).remember(watched.window, watched.late_in_a_row)
    for name, backlog_us in span.backlogs.items():
        state.backlog_us[name] = int(backlog_us[-1])
    state.probes = span.probing.schedules
    state.limits = span.limits
    if not span.slab.conditions.cache_is_gone:
        _keep_answers(span)
    still = [attempt for attempt in span.under_way if attempt.end_us >= span.until_us]
    state.under_way = [*still, *_users_under_way(span), *_probes_under_way(span)]
    heapq.heapify(state.under_way)


def _keep_answers(span: Span) -> None:
    """Attempts under way before are folded in first, so that newer ones end last."""
    slab, state = span.slab, span.state
    for attempt in span.under_way:
        if attempt.end_us < span.until_us:
            keep(state, attempt)
    v = slab.visits
    end_us = span.end_us[span.remote]
    folded = np.flatnonzero(span.tried & span.is_kept() & (end_us < span.until_us))
    folded = folded[np.argsort(end_us[folded], kind="stable")]
    arms = span.tries.arm[folded]
    for arm in np.flatnonzero(np.bincount(arms)).tolist():
        shelf = state.cache.shelf(slab.arms[arm], slab.versions[arm])
        rows = folded[arms == arm]
        users, until_us = v.user[span.tries.visit[rows]], end_us[rows] + slab.ttl_us
        newer = until_us >= shelf.until_us[users]
        rows, users, until_us = rows[newer], users[newer], until_us[newer]
        shelf.until_us[users] = until_us
        shelf.events_us[users] = slab.events_us[span.tries.visit[rows]]


def _users_under_way(span: Span) -> list[UnderWay]:
    remote_row = np.full(len(span.visit), -1, dtype=np.int64)
    remote_row[span.remote] = np.arange(len(span.remote))
    is_kept = span.is_kept()
    waiting = []
    for row in np.flatnonzero(span.end_us >= span.until_us).tolist():
        attempt = int(remote_row[row])
        tried = attempt >= 0 and bool(span.tried[attempt])
        result = Result.OK if attempt < 0 else Result.SKIPPED
        keeping = None
        if tried:
            result = Result(int(span.tries.result[attempt]))
            keeping = _keeping(span, row) if is_kept[attempt] else None
        waiting.append(
            UnderWay(
                int(span.end_us[row]),
                span.slab.first_sequence + int(span.visit[row]),
                USER_TURN,
                int(span.router[row]),
                span.slab.arms[int(span.drawn[row])],
                int(result),
                tried,
                float(span.slab.visits.u_jitter[span.visit[row]]),
                keeping,
            )
        )
    return waiting


def _keeping(span: Span, row: int) -> Keeping:
    slab, visit = span.slab, int(span.visit[row])
    return Keeping(
        slab.versions[int(span.drawn[row])],
        int(slab.visits.user[visit]),
        slab.ttl_us,
        tuple(slab.events_us[visit].tolist()),
    )


def _probes_under_way(span: Span) -> list[UnderWay]:
    v, probes = span.slab.visits, span.probes
    end_us: Integers = v.at_us[probes.visit] + probes.elapsed_us
    return [
        UnderWay(
            int(end_us[row]),
            span.slab.first_sequence + int(probes.visit[row]),
            USER_TURN + 1 + int(probes.arm[row]),
            int(v.router[probes.visit[row]]),
            span.slab.arms[int(probes.arm[row])],
            int(probes.result[row]),
            True,
            float(v.u_jitter[probes.visit[row]]),
            None,
        )
        for row in np.flatnonzero(end_us >= span.until_us).tolist()
    ]

"""The service slot by slot and request by request, by the routing objects of production.

This is the reference: slow and obvious. The order of a request is that of `serving.router`:
admission, draw, cache, breaker, attempt, last resort, probes. Decisions in a slot use the state at
its start, and what ends within a slot is folded in at its end.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass

import numpy as np

from serving.routing.admission import Load, has_room_for_probes, shed_reason
from serving.routing.deadline import Budget
from serving.routing.draw import Drawn, draw, unit_of
from serving.routing.probes import probe_rates
from serving.routing.verdict import BREAKER_OPEN, BREAKER_PROBE_OK, breaker_reason, request_outcome
from simulator.visits import MICROSECONDS
from simulator.world.folding import fold_in
from simulator.world.handled import SLOT_US, Cache, Outcome, Reason, Result
from simulator.world.queues import backlog_after
from simulator.world.rows import TYPES, Columns, Part, probe_columns, user_columns
from simulator.world.slab import CACHE_HIT_US, Slab
from simulator.world.state import USER_TURN, Keeping, ServiceState, UnderWay

_OUTCOMES = {"ok": Outcome.OK, "late": Outcome.LATE, "error": Outcome.ERROR, "shed": Outcome.SHED}
_BREAKER_REASONS = {
    BREAKER_OPEN: Reason.BREAKER_OPEN,
    BREAKER_PROBE_OK: Reason.BREAKER_PROBE_OK,
}
_OUTCOME_OF_PROBE = {
    Result.OK: Outcome.OK,
    Result.LATE: Outcome.LATE,
    Result.ERROR: Outcome.ERROR,
}


@dataclass(slots=True)
class _Row:
    """One request's way, in the words of `Handled`."""

    visit: int
    queue_depth: int
    no_ages: tuple[int, ...]
    no_defaults: tuple[bool, ...]
    drawn: int = -1
    chances_id: int = -1
    stamped: bool = False
    result: int = Result.NONE
    reason: int = Reason.NOTHING
    elapsed_us: int = 0
    second_us: int = -1
    served_by: int = -1
    outcome: int = Outcome.OK
    latency_us: int = 0
    cache: int = Cache.BYPASS
    age_us: tuple[int, ...] = ()
    defaulted: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        self.age_us, self.defaulted = self.no_ages, self.no_defaults


class Stepwise:
    """Serves [from_us, until_us), a part of the slab, and moves the state with it."""

    def __init__(self, slab: Slab, state: ServiceState, from_us: int, until_us: int) -> None:
        self._slab, self._state = slab, state
        self._from_us, self._until_us = from_us, until_us
        first, end = np.searchsorted(slab.visits.at_us, [from_us, until_us])
        self._visits = range(int(first), int(end))
        groups = len(slab.service.settings.feature_groups)
        self._nothing = ((-1,) * groups, (False,) * groups)
        self._users: list[_Row] = []
        self._probes: list[_Row] = []
        self._slot_s = 0.0
        self._in_flight: Counter[int] = Counter()
        self._waits_us: dict[str, int] = {}
        self._reached: Counter[str] = Counter()

    def run(self) -> Part:
        at_us = self._slab.visits.at_us
        visits = iter(self._visits)
        visit = next(visits, None)
        for slot_us in range(self._from_us, self._until_us, SLOT_US):
            self._begin_slot(slot_us)
            while visit is not None and at_us[visit] < slot_us + SLOT_US:
                self._request(visit)
                visit = next(visits, None)
            self._end_slot(slot_us + SLOT_US)
        users = np.arange(self._visits.start, self._visits.stop)
        probed = np.array([row.visit for row in self._probes], dtype=np.int64)
        return Part(
            user_columns(self._slab, users, _columns(self._users)),
            probe_columns(self._slab, probed, _columns(self._probes)),
        )

    def _begin_slot(self, slot_us: int) -> None:
        self._slot_s = slot_us / MICROSECONDS
        waiting = (attempt for attempt in self._state.under_way if attempt.turn == USER_TURN)
        self._in_flight = Counter(attempt.router for attempt in waiting)
        self._waits_us = {
            name: self._state.backlog_us.get(name, 0) // max(1, queue.alive)
            for name, queue in self._slab.queues.items()
        }
        self._reached = Counter()

    def _end_slot(self, end_us: int) -> None:
        for name, queue in self._slab.queues.items():
            backlog_us = self._state.backlog_us.get(name, 0)
            self._state.backlog_us[name] = backlog_after(backlog_us, self._reached[name], queue)
        under_way = self._state.under_way
        while under_way and under_way[0].end_us < end_us:
            fold_in(self._state, heapq.heappop(under_way), self._slab.conditions.cache_is_gone)

    def _request(self, visit: int) -> None:
        slab, state = self._slab, self._state
        router = int(slab.visits.router[visit])
        load = Load(self._in_flight[router], 0.0)
        row = _Row(visit, load.in_flight, *self._nothing)
        unit = int(slab.request_id[visit, 1])
        limits = state.limits[router].in_force(self._slot_s, load)
        shed = shed_reason(limits, load, slab.plan.shed_share, unit)
        if shed is None:
            self._try_drawn(row, router, self._draw(visit, router))
        if row.served_by < 0:
            row.second_us = int(slab.local_us[visit])
            row.latency_us += row.second_us
            row.served_by = slab.fallback
        latency_ms, deadline_ms = row.latency_us / 1000.0, slab.plan.request_deadline_ms
        outcome = request_outcome(
            shed=shed is not None, latency_ms=latency_ms, deadline_ms=deadline_ms
        )
        row.outcome = _OUTCOMES[outcome]
        self._users.append(row)
        if shed is not None:
            return
        # Told in its own slot: sooner than in production by what it took, a fifth of a round.
        state.limits[router].answered(self._slot_s, latency_ms, deadline_ms)
        if has_room_for_probes(limits, load):
            self._probe_due(visit, router)

    def _draw(self, visit: int, router: int) -> Drawn:
        slab, plan = self._slab, self._slab.plan
        user = int(slab.visits.user[visit])
        request_id = b"".join(int(half).to_bytes(8, "big") for half in slab.request_id[visit])
        user_hash = int(slab.user_hash[visit])
        segments = {
            name: slab.service.settings.segments[name][codes[user]]
            for name, codes in slab.service.segment_codes.items()
            if codes[user] >= 0
        }
        pair = plan.evaluation.arms if plan.evaluation else ()
        both_closed = all(self._lets_through(router, arm) for arm in pair)
        unit = unit_of(plan, request_id, user_hash, user_hash)
        return draw(plan, unit, segments, both_closed=both_closed)

    def _try_drawn(self, row: _Row, router: int, drawn: Drawn) -> None:
        slab, name = self._slab, drawn.arm
        arm = row.drawn = slab.order[name]
        row.chances_id = slab.chances.distinct.index(drawn.propensities)
        row.stamped = drawn.evaluation_id != ""
        if slab.in_process[arm]:
            row.result, row.served_by = Result.OK, arm
            row.elapsed_us = row.latency_us = int(slab.local_us[row.visit])
            self._start(row.visit, router, name, row.elapsed_us, Result.OK, counts=False)
            return
        if self._read_cache(row, router, name, arm):
            return
        if not self._lets_through(router, name):
            reason = breaker_reason(self._state.breaker(router, name).last_probe_good)
            row.result, row.reason = Result.SKIPPED, _BREAKER_REASONS[reason]
            return
        budget = Budget(0.0, slab.plan.request_deadline_ms)
        within_us = round(budget.attempt_ms(0.0, slab.plan.arms[name].deadline_ms) * 1000.0)
        if within_us <= 0:
            row.result, row.reason = Result.SKIPPED, Reason.NO_TIME
            return
        self._attempt(row, name, within_us, int(slab.times(arm).own_us[row.visit]))
        keeping = None
        if row.result == Result.OK and slab.reads_cache[arm] and not any(row.defaulted):
            user, events = slab.visits.user[row.visit], slab.events_us[row.visit]
            keeping = Keeping(
                slab.versions[arm], int(user), slab.ttl_us, tuple(int(e) for e in events)
            )
        self._start(
            row.visit, router, name, row.elapsed_us, row.result, counts=True, keeping=keeping
        )

    def _read_cache(self, row: _Row, router: int, name: str, arm: int) -> bool:
        slab = self._slab
        if not slab.reads_cache[arm]:
            return False
        row.cache = Cache.MISS
        shelf = self._state.cache.find(name, slab.versions[arm])
        user, at_us = slab.visits.user[row.visit], int(slab.visits.at_us[row.visit])
        if shelf is None or shelf.until_us[user] <= at_us:
            return False
        row.cache, row.result, row.reason = Cache.HIT, Result.SKIPPED, Reason.CACHE_HIT
        row.served_by, row.latency_us = arm, CACHE_HIT_US
        row.age_us = tuple(at_us - int(event) for event in shelf.events_us[user])
        self._start(row.visit, router, name, CACHE_HIT_US, Result.SKIPPED, counts=False)
        return True

    def _attempt(self, row: _Row, name: str, within_us: int, own_us: int) -> None:
        """Try an arm that is not in-process; it may fail, or be cut at its deadline."""
        slab, visit = self._slab, row.visit
        times = slab.times(slab.order[name])
        takes_us = own_us
        if times.reaches[visit]:
            takes_us += self._waits_us[name]
            self._reached[name] += 1
        if takes_us > within_us:
            row.result, row.reason = Result.LATE, Reason.DEADLINE
        elif times.fails[visit]:
            row.result, row.reason = Result.ERROR, Reason.FAILED
        else:
            row.result, row.served_by = Result.OK, row.drawn
            at_us = int(slab.visits.at_us[visit])
            row.defaulted = tuple(bool(null) for null in slab.nulls[visit])
            row.age_us = tuple(
                -1 if null else at_us - int(event)
                for null, event in zip(row.defaulted, slab.events_us[visit], strict=True)
            )
        row.elapsed_us = row.latency_us = min(takes_us, within_us)

    def _probe_due(self, visit: int, router: int) -> None:
        slab, plan = self._slab, self._slab.plan
        settings = slab.service.settings
        not_closed = frozenset(name for name in slab.arms if not self._lets_through(router, name))
        rates = probe_rates(plan.probe_per_s, not_closed, settings.probe_per_s)
        at_s = int(slab.visits.at_us[visit]) / MICROSECONDS
        due = self._state.probes[router].due(at_s, rates, slab.service.spec.routers)
        for name in sorted(set(due) & set(plan.arms), key=slab.order.__getitem__):
            self._probe(visit, router, name)

    def _probe(self, visit: int, router: int, name: str) -> None:
        slab = self._slab
        arm = slab.order[name]
        turn = USER_TURN + 1 + arm
        row = _Row(visit, 0, *self._nothing, drawn=arm)
        if slab.in_process[arm]:
            row.result, row.served_by = Result.OK, arm
            row.elapsed_us = row.latency_us = int(slab.local_probe_us[visit])
        else:
            within_us = round(slab.plan.arms[name].deadline_ms * 1000.0)
            self._attempt(row, name, within_us, int(slab.times(arm).probe_us[visit]))
        row.outcome = _OUTCOME_OF_PROBE[Result(row.result)]
        self._probes.append(row)
        self._start(visit, router, name, row.elapsed_us, row.result, counts=True, turn=turn)

    def _start(
        self,
        visit: int,
        router: int,
        name: str,
        for_us: int,
        result: int,
        *,
        counts: bool,
        turn: int = USER_TURN,
        keeping: Keeping | None = None,
    ) -> None:
        v = self._slab.visits
        end_us = int(v.at_us[visit]) + for_us
        sequence = self._slab.first_sequence + visit
        jitter = float(v.u_jitter[visit])
        attempt = UnderWay(end_us, sequence, turn, router, name, result, counts, jitter, keeping)
        heapq.heappush(self._state.under_way, attempt)

    def _lets_through(self, router: int, name: str) -> bool:
        return self._state.breaker(router, name).lets_users_through(self._slot_s)


def _columns(rows: list[_Row]) -> Columns:
    told = [name for name in TYPES if name in _Row.__slots__ and name != "visit"]
    return {
        name: np.array([getattr(row, name) for row in rows], dtype=TYPES[name]) for name in told
    }

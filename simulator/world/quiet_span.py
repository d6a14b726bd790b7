"""A span of slots worked out at once, on the premise that no breaker opens, nothing is shed for
load and no limit moves.

Under it only queues and cached answers tie requests together. Waits are guessed, hits and queues
follow, and it is repeated until the waits agree; then the premise is checked. What comes before
the first disturbance is right in any case, because nothing depends on later slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.routing.adaptive_limit import AdaptiveLimit
from serving.routing.admission import is_shed_by_plan
from simulator.visits import Integers
from simulator.world.handled import SLOT_US, Result
from simulator.world.limit_watch import Requests, watch_limits
from simulator.world.probing import due_probes, wants_probes
from simulator.world.queues import backlogs
from simulator.world.quiet_cache import MISS, CacheReaders
from simulator.world.slab import CACHE_HIT_US, Slab
from simulator.world.state import USER_TURN, ServiceState
from simulator.world.watching import Completions, watch_breakers

MOST_ROUNDS = 8
"""Of guessing the waits; queues that do not settle are a disturbance."""


@dataclass(slots=True)
class Tries:
    """First attempts, or probes, of the rows ``visit``."""

    visit: Integers
    arm: Integers
    slot: Integers
    own_us: Integers
    within_us: Integers
    reaches: NDArray[np.bool_]
    fails: NDArray[np.bool_]
    elapsed_us: Integers
    result: NDArray[np.int8]

    def settle(self, waits_us: Integers) -> None:
        """``waits_us``: (arms, slots). As in `stepwise`: late, else failed, else good."""
        takes_us = self.own_us + np.where(self.reaches, waits_us[self.arm, self.slot], 0)
        is_late = takes_us > self.within_us
        self.elapsed_us = np.minimum(takes_us, self.within_us)
        self.result = np.where(
            is_late, np.int8(Result.LATE), np.where(self.fails, np.int8(Result.ERROR), np.int8(0))
        )


class Span:
    """One span, worked out; the state is only read."""

    def __init__(self, slab: Slab, state: ServiceState, from_us: int, until_us: int) -> None:
        self.slab, self.state = slab, state
        self.from_us, self.until_us = from_us, until_us
        self.slots = (until_us - from_us) // SLOT_US
        v = slab.visits
        first, end = (int(i) for i in np.searchsorted(v.at_us, [from_us, until_us]))
        self.visit = np.arange(first, end)
        self.at_us, self.router = v.at_us[first:end], v.router[first:end]
        self.slot = (self.at_us - from_us) // SLOT_US
        self.under_way = sorted(state.under_way)
        self.shed = _shed_by_plan(slab, self.visit)
        self.drawn = np.where(self.shed, -1, slab.drawn[first:end])
        self.local = ~self.shed & slab.in_process[self.drawn]
        self.remote = np.flatnonzero(~self.shed & ~self.local)
        self.probing = due_probes(slab, state, self.visit[~self.shed])
        remote = self.visit[self.remote]
        drawn = self.drawn[self.remote]
        self.tries = self._tries(remote, drawn, slab.within_us, is_probe=False)
        self.probes = self._tries(
            self.probing.visit, self.probing.arm, slab.probe_within_us, is_probe=True
        )
        self.has_time = slab.within_us[drawn] > 0
        self.reader = np.flatnonzero(slab.reads_cache[drawn])
        self.readers = CacheReaders(slab, state, remote[self.reader], self.under_way)
        self.source = np.full(len(remote), MISS, dtype=np.int64)
        self.backlogs: dict[str, Integers] = {}
        settled_us = self._settle()
        self.tried = (self.source == MISS) & self.has_time
        self.end_us = self._ends()
        self.is_answered = self._is_answered()
        self.latency_us = self._latencies()
        self.in_flight = self._in_flight()
        self.limits, moving_us = self._watch_limits()
        self.watched = watch_breakers(state, self._completions(), until_us)
        opens_us = [w.opens_us for w in self.watched.values() if w.opens_us is not None]
        opening_us = min(opens_us, default=until_us) // SLOT_US * SLOT_US
        self.disturbed_us = min(settled_us, self._crowded_us(), opening_us, moving_us)

    def _tries(self, visit: Integers, arm: Integers, within_us: Integers, is_probe: bool) -> Tries:
        own_us = np.zeros(len(visit), dtype=np.int64)
        reaches = np.zeros(len(visit), dtype=np.bool_)
        fails = np.zeros(len(visit), dtype=np.bool_)
        within = within_us[arm]
        for i in np.flatnonzero(np.bincount(arm, minlength=1)).tolist():
            mine = np.flatnonzero(arm == i)
            rows = visit[mine]
            if self.slab.in_process[i]:
                own_us[mine] = self.slab.local_probe_us[rows]
                within[mine] = own_us[mine]
                continue
            times = self.slab.times(i)
            own_us[mine] = (times.probe_us if is_probe else times.own_us)[rows]
            reaches[mine], fails[mine] = times.reaches[rows], times.fails[rows]
        slot = (self.slab.visits.at_us[visit] - self.from_us) // SLOT_US
        nothing = np.zeros(len(visit), dtype=np.int8)
        return Tries(visit, arm, slot, own_us, within, reaches, fails, own_us, nothing)

    def _settle(self) -> int:
        """Find waits and hits that agree. Returns up to when they do."""
        waits_us = np.zeros((len(self.slab.arms), self.slots), dtype=np.int64)
        for name, queue in self.slab.queues.items():
            backlog_us = self.state.backlog_us.get(name, 0)
            waits_us[self.slab.order[name]] = backlog_us // max(1, queue.alive)
        for _ in range(MOST_ROUNDS):
            self.tries.settle(waits_us)
            self.probes.settle(waits_us)
            self._find_hits()
            guessed_us, waits_us = waits_us, self._waits()
            differs = (guessed_us != waits_us).any(axis=0)
            if not differs.any():
                return self.until_us
        return self.from_us + int(np.argmax(differs)) * SLOT_US

    def _find_hits(self) -> None:
        rows, tries = self.reader, self.tries
        if not len(rows) or self.slab.conditions.cache_is_gone:
            return
        keeps = self.is_kept()[rows]
        end_us = self.slab.visits.at_us[tries.visit[rows]] + tries.elapsed_us[rows]
        self.source[rows] = self.readers.sources(end_us, keeps)

    def is_kept(self) -> NDArray[np.bool_]:
        """Of each remote request: its answer goes into the cache, were it a miss."""
        is_whole = ~self.slab.nulls[self.tries.visit].any(axis=1)
        reads = self.slab.reads_cache[self.tries.arm]
        is_kept = (self.tries.result == Result.OK) & self.has_time & is_whole & reads
        return np.asarray(is_kept)

    def _waits(self) -> Integers:
        arms, slots = len(self.slab.arms), self.slots
        counts = np.zeros(arms * slots, dtype=np.int64)
        for tries, took_part in (
            (self.tries, self.tries.reaches & self.has_time & (self.source == MISS)),
            (self.probes, self.probes.reaches),
        ):
            place = (tries.arm * slots + tries.slot)[took_part]
            counts += np.bincount(place, minlength=arms * slots)
        reached = counts.reshape(arms, slots)
        waits_us = np.zeros((arms, slots), dtype=np.int64)
        for name, queue in self.slab.queues.items():
            arm = self.slab.order[name]
            after = backlogs(self.state.backlog_us.get(name, 0), reached[arm], queue)
            self.backlogs[name] = after
            waits_us[arm] = after[:-1] // max(1, queue.alive)
        return waits_us

    def _ends(self) -> Integers:
        """When each user's first attempt ends; its own time where there is none."""
        end_us = self.at_us.copy()
        end_us[self.local] += self.slab.local_us[self.visit[self.local]]
        takes_us = np.where(self.tried, self.tries.elapsed_us, 0)
        end_us[self.remote] += np.where(self.source != MISS, CACHE_HIT_US, takes_us)
        return end_us

    def _is_answered(self) -> NDArray[np.bool_]:
        """Whose arm gave the answer; the others, and whom the plan sheds, get the last resort's."""
        is_answered: NDArray[np.bool_] = self.local.copy()
        good = self.tried & (self.tries.result == Result.OK)
        is_answered[self.remote] = good | (self.source != MISS)
        return is_answered

    def _latencies(self) -> Integers:
        """What each user waits."""
        second_us = np.where(self.is_answered, 0, self.slab.local_us[self.visit])
        latency_us: Integers = self.end_us - self.at_us + second_us
        return latency_us

    def _watch_limits(self) -> tuple[list[AdaptiveLimit], int]:
        """As they are afterwards, and when the first would move."""
        rows = Requests(
            self.router,
            self.at_us,
            ~self.shed,
            self.latency_us,
            self.in_flight[self.router, self.slot],
        )
        limits, moves_us = watch_limits(
            self.state.limits, rows, self.slab.plan.request_deadline_ms, self.until_us
        )
        return limits, max(self.from_us, moves_us)

    def _in_flight(self) -> Integers:
        """(routers, slots) users' requests that wait at the start of each slot."""
        routers, slots = len(self.state.probes), self.slots
        change = np.zeros((routers, slots + 2), dtype=np.int64)
        ends = np.minimum((self.end_us - self.from_us) // SLOT_US, slots)
        longer = np.flatnonzero(ends > self.slot)
        np.add.at(change, (self.router[longer], self.slot[longer] + 1), 1)
        np.add.at(change, (self.router[longer], ends[longer] + 1), -1)
        for attempt in self.under_way:
            if attempt.turn == USER_TURN:
                change[attempt.router, 0] += 1
                end = min((attempt.end_us - self.from_us) // SLOT_US, slots)
                change[attempt.router, end + 1] -= 1
        return np.cumsum(change, axis=1)[:, :slots]

    def _crowded_us(self) -> int:
        """The first slot with too many in flight, for requests or for the probes wanted."""
        most = self.in_flight * (2 if wants_probes(self.slab) else 1)
        limits = np.array([limit.in_flight for limit in self.state.limits])
        crowded = (most >= limits[:, None]).any(axis=0)
        return self.from_us + int(np.argmax(crowded)) * SLOT_US if crowded.any() else self.until_us

    def _completions(self) -> Completions:
        """The attempts of users that breakers are told of, those under way before first."""
        slab = self.slab
        rows = self.remote[self.tried]
        past = [a for a in self.under_way if a.counts and a.turn == USER_TURN]
        return Completions(
            past,
            slab.arms,
            self.router[rows],
            self.drawn[rows],
            self.end_us[rows],
            self.tries.result[self.tried],
        )


def _shed_by_plan(slab: Slab, visits: Integers) -> NDArray[np.bool_]:
    share = slab.plan.shed_share
    if share <= 0.0:
        return np.zeros(len(visits), dtype=np.bool_)
    units = slab.request_id[visits, 1].tolist()
    return np.array([is_shed_by_plan(share, unit) for unit in units], np.bool_)

"""A slab that was served and told: its messages lie ready and are given out by slicing.

It can be cut short without copying: what comes after the cut is forgotten, what came before stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from controller.core.plan import Plan
from controller.telemetry.schema import FEATURE, OUTCOME, REPLICA, SERVED
from controller.telemetry.slab import Slab, SlabPart
from simulator.report.exchanges import Exchanges
from simulator.visits import MICROSECONDS, Integers, Visits
from simulator.world.conditions import Conditions
from simulator.world.features import FeatureClock
from simulator.world.handled import Role
from simulator.world.outcomes import OutcomeRows
from simulator.world.replicas import Replicas
from simulator.world.reports import Load, answer_ms_of, feature_batch, load_of, replica_batch
from simulator.world.state import ServiceState
from simulator.world.telemetry import InBlock, Telemetry, Told

Message = tuple[str, int, SlabPart]
"""Topic, router, rows."""


class Piece:
    """[``from_us``, ``until_us``), within one block of visits. ``before`` is the service at its
    start; ``lost_at`` says which times of receiving find no click log."""

    def __init__(
        self,
        telemetry: Telemetry,
        told: Told,
        visits: Visits,
        before: ServiceState,
        conditions: Conditions,
        replicas: Mapping[str, Replicas],
        span_us: tuple[int, int],
        routers: int,
        lost_at: Callable[[Integers], NDArray[np.bool_]],
    ) -> None:
        self.from_us, self.until_us = span_us
        self.visits, self.before, self.conditions = visits, before, conditions
        self.told = told
        self.outcome_rows = told.outcomes.part(~lost_at(told.outcomes.received_us))
        self.clicks_lost = len(told.outcomes.rows) - len(self.outcome_rows.rows)
        self._telemetry, self._replicas, self._routers = telemetry, replicas, routers
        self._first = self.from_us // MICROSECONDS
        seconds = -(-self.until_us // MICROSECONDS) - self._first
        edges = np.arange(seconds * routers + 1) + self._first * routers
        bounds = np.searchsorted(told.keys, edges)
        self._starts, self._ends = bounds[:-1].copy(), bounds[1:].copy()
        handled = told.handled
        is_answer = (handled.role == Role.USER) & (handled.served_by >= 0)
        self._answered_us = np.sort(handled.at_us[is_answer])
        self._click_rows(self.outcome_rows)
        self._reports: Slab | None = None
        self._features: tuple[Slab, Integers] | None = None
        self._served = Slab(told.served)

    @property
    def plan(self) -> Plan:
        return self.told.handled.plan

    @property
    def last_us(self) -> int:
        """When the last of its clicks is received."""
        received_us = self.outcome_rows.received_us
        return int(received_us[-1]) if len(received_us) else self.until_us

    def cut(self, at_us: int) -> None:
        """Forget everything of requests that come at ``at_us`` or later."""
        handled, routers = self.told.handled, self._routers
        self.until_us = at_us
        border = (at_us // MICROSECONDS - self._first) * routers
        self._ends[border + routers :] = self._starts[border + routers :]
        for run in range(border, min(border + routers, len(self._ends))):
            start, end = self._starts[run], self._ends[run]
            self._ends[run] = start + np.searchsorted(handled.at_us[start:end], at_us)
        self._click_rows(self.outcome_rows.part(handled.at_us[self.outcome_rows.rows] < at_us))
        self._reports = self._features = None

    def served(self, second: int) -> Iterator[Message]:
        """Rows of requests that came in [second - 1, second), by router."""
        run = (second - 1 - self._first) * self._routers
        for router in range(self._routers if 0 <= run < len(self._starts) else 0):
            start, end = int(self._starts[run + router]), int(self._ends[run + router])
            if end > start:
                yield SERVED, router, self._served.part(start, end - start)

    def answered(self, from_us: int, until_us: int) -> int:
        """How many users of this span got a slate, as the service says."""
        start, end = np.searchsorted(self._answered_us, [from_us, until_us]).tolist()
        return int(end - start)

    def outcomes(self, second: int) -> Iterator[Message]:
        """Rows of clicks that are received in [second - 1, second), by router."""
        first = (second - 1) * self._routers
        bounds = np.searchsorted(self._click_keys, np.arange(first, first + self._routers + 1))
        for router, (start, end) in enumerate(pairwise(bounds.tolist())):
            if end > start:
                yield OUTCOME, router, self._clicks.part(start, end - start)

    def last_load(self) -> Load:
        """Of its last second, whole or begun."""
        return self._load((self.until_us - 1) // MICROSECONDS, 1)

    def _load(self, first_second: int, seconds: int) -> Load:
        told = self.told
        return load_of(told.handled, told.work, self._kept(), first_second, seconds, self._routers)

    def reports(self, second: int, earlier: list[Piece]) -> Message:
        """What everything says at the end of this second. ``earlier``: pieces that ended in it."""
        if self._reports is None:
            whole = self.until_us // MICROSECONDS - self._first
            load = self._load(self._first, whole)
            for piece in earlier:
                _add(load, piece.last_load(), piece.plan, self.plan)
            telemetry = self._telemetry
            reports = replica_batch(
                self.told.handled,
                load,
                answer_ms_of(self.told.handled, self._kept(), self._first, whole, self._replicas),
                self._first,
                self._replicas,
                telemetry.names.last_resort,
                telemetry.names,
            )
            self._reports = Slab(reports)
        each = self._routers + sum(held.alive for held in self._replicas.values())
        return REPLICA, 0, self._reports.part((second - 1 - self._first) * each, each)

    def features(
        self, second: int, clock: FeatureClock, rows: Mapping[str, int]
    ) -> Iterator[Message]:
        """Writes of the pipeline in [second - 1, second)."""
        if self._features is None:
            start_s = self._telemetry.names.start_s
            frozen = self.conditions.frozen_groups
            writes, at_us = feature_batch(clock, frozen, self.from_us, self.until_us, rows, start_s)
            self._features = Slab(writes), at_us
        columns, at_us = self._features
        span_us = [(second - 1) * MICROSECONDS, second * MICROSECONDS]
        start, end = np.searchsorted(at_us, span_us).tolist()
        if end > start:
            yield FEATURE, 0, columns.part(start, end - start)

    @property
    def exchanges(self) -> Exchanges:
        """Of all its visits, row by row."""
        return self.told.exchanges

    def _kept(self) -> NDArray[np.bool_]:
        return np.asarray(self.told.handled.at_us < self.until_us)

    def _click_rows(self, rows: OutcomeRows) -> None:
        handled = self.told.handled
        router = handled.visits.router[handled.visit[rows.rows]]
        keys = self._telemetry.keys_of(rows.received_us, router)
        if self._routers > 1:
            order = np.argsort(keys, kind="stable")
            rows, keys = rows.part(order), keys[order]
        self.outcome_rows, self._click_keys = rows, keys
        self._clicks = Slab(self._telemetry.outcomes(self.told, rows))


def in_block(number: int, block: Visits, from_us: int) -> InBlock:
    """Where the visits from ``from_us`` on begin."""
    return InBlock(number, len(block), int(np.searchsorted(block.at_us, from_us)))


def _add(load: Load, more: Load, of: Plan, to: Plan) -> None:
    """Add to the first second what an earlier piece, under another plan, left in flight and did."""
    if not len(load.routers):
        return
    load.routers[0] += more.routers[0]
    load.routers_us[0] += more.routers_us[0]
    places = {arm: place for place, arm in enumerate(to.arms)}
    for place, arm in enumerate(of.arms):
        if arm in places:
            load.arms[0, places[arm]] += more.arms[0, place]
            load.arms_us[0, places[arm]] += more.arms_us[0, place]

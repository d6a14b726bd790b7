"""The world: serves its visits under the plan held, and hands out what is told second by second.

It works ahead in slabs of up to a minute, from a copy of the service's state; a plan adopted within
a slab cuts it, and the rest is served anew. Time is microseconds since the start; no clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from controller.core.plan import Plan
from controller.settings import Settings
from controller.telemetry.schema import MODEL
from controller.telemetry.slab import as_part
from simulator.population.audience import Audience
from simulator.report.exchanges import Exchanges
from simulator.spec import Burst, WorldSpec
from simulator.visits import MICROSECONDS, Integers, Visits
from simulator.world.conditions import Conditions
from simulator.world.counts import Counts
from simulator.world.delivery import Delivery
from simulator.world.features import EVENT_AGE_US, FeatureClock
from simulator.world.handled import Handled
from simulator.world.inputs import shift_sd
from simulator.world.models import Models, Trained
from simulator.world.piece import Message, Piece, in_block
from simulator.world.plans import Rules, next_slot
from simulator.world.producers import Producers
from simulator.world.serve import serve
from simulator.world.slab import Service
from simulator.world.state import ServiceState, fresh_state
from simulator.world.telemetry import USER_FEATURES, Telemetry
from simulator.world.told_exchanges import ToldExchanges

BLOCK_US = 60 * MICROSECONDS
MODEL_EVERY_S = 30
"""Whoever serves a model says so again this often."""


class World:
    """``conditions`` are constant between two of ``changes_us`` (taken to the next slot).

    Raise BadInput where the spec asks for what there cannot be.
    """

    def __init__(
        self,
        settings: Settings,
        spec: WorldSpec,
        seed: int,
        conditions: Callable[[int], Conditions],
        changes_us: Sequence[int],
        bursts: Sequence[Burst],
        plan: Plan,
        *,
        stepwise: bool = False,
    ) -> None:
        self.counts = Counts()
        self.audience = audience = Audience(
            spec, seed, slate_size=settings.slate_size, segments=settings.segments, bursts=bursts
        )
        self._spec = spec
        self._stepwise = stepwise
        self._changes = sorted({0, *(next_slot(at_us) for at_us in changes_us)})
        self._phases = [conditions(at_us) for at_us in self._changes]
        self._clicks_lost = np.array([phase.clicks_are_lost for phase in self._phases])
        codes = {n: audience.segment_codes(n) for n, values in settings.segments.items() if values}
        self._service = Service(settings, spec, codes, seed)
        self._models = Models(settings, spec, seed)
        self._rules = Rules(self._models, plan)
        self._telemetry = Telemetry(settings, spec, audience, self._models, seed)
        self._producers = Producers(settings, spec.start_s, seed)
        self._clock = FeatureClock(spec, settings.feature_groups)
        people = audience.population
        self._feature_rows = {
            group: len(people.user_ids if group == USER_FEATURES else people.item_ids)
            for group in settings.feature_groups
        }
        self._state: ServiceState = fresh_state(settings, spec, len(people.user_ids))
        self._block: tuple[int, Visits] | None = None
        self._pieces: list[Piece] = []
        self._fading: list[Piece] = []
        self._frontier_us = 0
        self._given_s = 0
        self._told_versions: dict[str, str] = {}
        self._candidates: list[Trained] = []
        self._told_exchanges = ToldExchanges()

    def adopt(self, plan: Plan, at_us: int) -> bool:
        """Routers obey it from the next slot on. False: it is refused, as theirs is as new, or
        nobody could route by it. Raise ValueError for a time already given out."""
        self._not_given(at_us)
        from_us = self._rules.take(plan, at_us)
        if from_us is None:
            self.counts.refused_plans += 1
            return False
        self._cut(from_us)
        return True

    def add_model(self, version: str, arm: str, at_us: int) -> None:
        """A candidate was trained on what the world was like then; a plan must name it."""
        self._not_given(at_us)
        shift = shift_sd(self.conditions(at_us).shifts, at_us)
        self._candidates.append(self._models.add(version, arm, at_us, shift))
        from_us = self._rules.reload(at_us)
        if from_us is not None:
            self._cut(from_us)

    def prewarm(self, arm: str, at_us: int) -> None:
        """Keep an answer for everybody, made from the features of the moment."""
        self._not_given(at_us)
        from_us = next_slot(at_us)
        rule = self._rules.at(from_us)
        ttl_us = round(rule.plan.cache_ttl_s * MICROSECONDS)
        if ttl_us <= 0 or self.conditions(from_us).cache_is_gone or arm not in rule.versions:
            return
        while self._frontier_us < from_us:
            self._extend()
        self._cut(from_us)
        shelf = self._state.cache.shelf(arm, rule.versions[arm])
        shelf.until_us[:] = from_us + ttl_us
        shelf.events_us[:] = np.array(self._state.written_us, np.int64) - EVENT_AGE_US

    def second(self, number: int) -> list[Delivery]:
        """Telemetry of visits in [number - 1, number), and of clicks received then; ``number``
        ascends from 1. What came before is final then. Raise ValueError for any other second."""
        if number != self._given_s + 1:
            raise ValueError(f"second {number} was asked for, {self._given_s + 1} is next")
        end_us = number * MICROSECONDS
        while self._frontier_us < end_us:
            self._extend()
        mine = [piece for piece in self._pieces if piece.from_us < end_us]
        messages: list[Message] = [m for piece in mine for m in piece.served(number)]
        clicks = [m for piece in (*self._fading, *mine) for m in piece.outcomes(number)]
        messages += clicks
        for piece in mine:
            messages += piece.features(number, self._clock, self._feature_rows)
        messages.append(mine[-1].reports(number, mine[:-1]))
        messages += self._models_told(number, mine[-1])
        self._count(number, mine)
        self.counts.outcomes += sum(columns.num_rows for _, _, columns in clicks)
        self._given_s = number
        self._retire(end_us)
        return self._producers.deliveries(number, messages, self.conditions(end_us))

    def exchanges(self) -> Exchanges:
        """Users' requests of the seconds given out since this was last asked."""
        return self._told_exchanges.take()

    def held(self) -> tuple[Plan, ...]:
        """The newest plan each router took."""
        return (self._rules.held,) * self._spec.routers

    def conditions(self, at_us: int) -> Conditions:
        """As the world obeys them."""
        return self._phases[max(0, bisect_right(self._changes, at_us) - 1)]

    def counterfactual(self, handled: Handled, arm: str) -> NDArray[np.float64]:
        """(n,) by visit: the true chance of a click, had ``arm`` answered from fresh features."""
        at_us = int(handled.visits.at_us[0]) if len(handled.visits) else 0
        version = handled.versions[list(handled.plan.arms).index(arm)]
        return self._telemetry.counterfactual(handled, self.conditions(at_us), arm, version)

    def handled(self) -> tuple[Handled, ...]:
        """The slabs at hand, some of it not given out yet: for looking at, and for tests."""
        return tuple(piece.told.handled for piece in self._pieces)

    @property
    def lost_users(self) -> int:
        """Users' served rows that faults of telemetry lost."""
        return self._producers.lost_users

    @property
    def lost_batches(self) -> int:
        """Messages of telemetry that faults lost."""
        return self._producers.lost_batches

    def _extend(self) -> None:
        """Serve the next slab, as far as nothing known changes."""
        from_us = self._frontier_us
        number = from_us // BLOCK_US
        if self._block is None or self._block[0] != number:
            self._block = (number, self.audience.block(number))
        block = self._block[1]
        place = bisect_right(self._changes, from_us)
        change = self._changes[place] if place < len(self._changes) else None
        ends = [(number + 1) * BLOCK_US, change, self._rules.next_us(from_us)]
        until_us = min(end for end in ends if end is not None)
        visits = block.between(from_us, until_us)
        before = self._state.copy()
        handled = self._serve(visits, from_us, until_us)
        conditions = self.conditions(from_us)
        told = self._telemetry.tell(handled, conditions, in_block(number, block, from_us))
        replicas = self._state.replicas
        held = {arm: replicas[arm] for arm in handled.plan.arms if arm in replicas}
        piece = Piece(
            self._telemetry,
            told,
            visits,
            before,
            conditions,
            held,
            (from_us, until_us),
            self._spec.routers,
            self._lost_at,
        )
        self._pieces.append(piece)
        self._frontier_us = until_us

    def _serve(self, visits: Visits, from_us: int, until_us: int) -> Handled:
        rule, now = self._rules.at(from_us), self.conditions(from_us)
        return serve(
            self._service,
            self._state,
            visits,
            rule.plan,
            rule.versions,
            now,
            from_us,
            until_us,
            stepwise=self._stepwise,
        )

    def _cut(self, at_us: int) -> None:
        """Be at ``at_us`` again: drop what was served from there on."""
        while self._pieces and self._pieces[-1].from_us >= at_us:
            piece = self._pieces.pop()
            self._state, self._frontier_us = piece.before, piece.from_us
        if not self._pieces or self._frontier_us <= at_us:
            return
        piece = self._pieces[-1]
        self._state = piece.before.copy()
        self._serve(piece.visits.between(piece.from_us, at_us), piece.from_us, at_us)
        piece.cut(at_us)
        self._frontier_us = at_us

    def _models_told(self, number: int, piece: Piece) -> list[Message]:
        end_us = number * MICROSECONDS
        messages: list[Message] = []
        trained = [model for model in self._candidates if model.trained_at_us < end_us]
        if trained:
            self._candidates = self._candidates[len(trained) :]
            messages.append((MODEL, 0, as_part(self._models.candidate_rows(trained))))
        handled = piece.told.handled
        loaded = dict(zip(handled.plan.arms, handled.versions, strict=True))
        served = {arm: loaded[arm] for arm in self._state.replicas if arm in loaded}
        if served and ((number - 1) % MODEL_EVERY_S == 0 or served != self._told_versions):
            self._told_versions = served
            messages.append((MODEL, 0, as_part(self._models.serving_rows(served, end_us))))
        return messages

    def _count(self, number: int, mine: Sequence[Piece]) -> None:
        from_us, until_us = (number - 1) * MICROSECONDS, number * MICROSECONDS
        for piece in mine:
            until = min(until_us, piece.until_us)
            start, end = np.searchsorted(piece.visits.at_us, [from_us, until]).tolist()
            self.counts.arrived += end - start
            self.counts.answered += piece.answered(from_us, until)
            self.counts.clicked += int(np.count_nonzero(piece.exchanges.clicks[start:end]))
            self._told_exchanges.add(piece.exchanges, start, end)

    def _retire(self, end_us: int) -> None:
        """Pieces whose requests are all told linger until their last click is."""
        done = [piece for piece in self._pieces if piece.until_us <= end_us]
        self._pieces = self._pieces[len(done) :]
        self._fading = [p for p in (*self._fading, *done) if p.last_us >= end_us]
        self._rules.forget(end_us)

    def _lost_at(self, at_us: Integers) -> NDArray[np.bool_]:
        phase = np.searchsorted(self._changes, at_us, side="right") - 1
        return np.asarray(self._clicks_lost[phase])

    def _not_given(self, at_us: int) -> None:
        if at_us < self._given_s * MICROSECONDS:
            raise ValueError(f"{at_us} us lies in what was given out")

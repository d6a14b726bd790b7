"""From Handled columns to everything that is told of them: served rows, clicks, exchanges.

All of a slab at once. It knows what was answered and how, and nothing of routing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import pyarrow as pa

from controller.settings import Settings
from simulator.population import looks
from simulator.population.audience import Audience
from simulator.report.exchanges import Coded, Exchanges
from simulator.spec import ArmModel, WorldSpec
from simulator.visits import MICROSECONDS, Floats, Integers
from simulator.world.arrow_columns import Mask
from simulator.world.conditions import Conditions, Where
from simulator.world.draws import user_hashes
from simulator.world.handled import Handled, Outcome, Result, Role
from simulator.world.inputs import InputRows, input_names, shifts_sd, with_defaults
from simulator.world.models import Models
from simulator.world.outcomes import Clicked, OutcomeRows, click, outcome_batch, told
from simulator.world.scores import ScoreRows
from simulator.world.segment_rows import inside
from simulator.world.served_rows import Names, Shown, served_batch
from simulator.world.slab import is_in_process, mean_local_ms
from simulator.world.work import Work, work_of

USER_FEATURES = "user_recent"
"""The group whose age decides how well a slate fits the user; without it, the first group."""


@dataclass(frozen=True, slots=True)
class InBlock:
    """Where a slab's visits lie: block ``number`` has ``visits``, they begin at ``first``."""

    number: int
    visits: int
    first: int


@dataclass(frozen=True)
class Told:
    """All about a slab. ``handled`` is in order of (second, router, time); ``keys`` number the
    seconds and routers of its rows, ascending. ``top_scores`` are of its rows. ``exchanges`` are
    in order of visits."""

    handled: Handled
    work: Work
    keys: Integers
    top_scores: Floats
    served: pa.RecordBatch
    clicked: Clicked
    outcomes: OutcomeRows
    exchanges: Exchanges


class Telemetry:
    """One for a run. ``keys`` are second x routers + router."""

    def __init__(
        self, settings: Settings, spec: WorldSpec, audience: Audience, models: Models, seed: int
    ) -> None:
        people = audience.population
        self.names = Names(
            start_s=spec.start_s,
            last_resort=settings.fallback_arm,
            item_ids=pa.array(people.item_ids, pa.string()),
            user_hashes=user_hashes(seed, np.arange(len(people.user_ids))),
            segments={
                name: (values, audience.segment_codes(name))
                for name, values in settings.segments.items()
                if values
            },
            feature_groups=settings.feature_groups,
            input_features=input_names(spec.inputs),
            local_per_s={
                name: 1_000.0 / mean_local_ms(spec)
                for name in settings.arms
                if is_in_process(settings, name)
            },
        )
        self._settings, self._spec = settings, spec
        self._audience, self._models = audience, models
        self._inputs = InputRows(seed, spec.inputs)
        self._scores = ScoreRows(seed, settings.slate_size)
        groups = settings.feature_groups
        self._age_column = groups.index(USER_FEATURES) if USER_FEATURES in groups else 0

    def tell(self, handled: Handled, conditions: Conditions, block: InBlock) -> Told:
        """Put the rows in their order and make everything of them."""
        keys = self.keys_of(handled.at_us, handled.visits.router[handled.visit])
        order = np.lexsort((handled.at_us, keys))
        handled, keys = taken(handled, order), keys[order]
        shown = self._shown(handled, conditions, block)
        is_user = handled.role == Role.USER
        users = np.empty(len(handled.visits), np.int64)
        users[handled.visit[is_user]] = np.flatnonzero(is_user)
        chances = self._chances(handled, conditions, shown, users)
        clicked = click(self._audience, handled, users, chances)
        outcomes = told(handled, users, clicked, self._settings, self._spec.users)
        exchanges = self._exchanges(handled, users, clicked, chances)
        work = work_of(handled, [self._remote(arm, conditions) for arm in handled.plan.arms])
        served = served_batch(handled, shown, work, self.names)
        return Told(handled, work, keys, shown.scores[:, 0], served, clicked, outcomes, exchanges)

    def outcomes(self, told: Told, rows: OutcomeRows) -> pa.RecordBatch:
        """The telemetry of these clicks."""
        return outcome_batch(told.handled, rows, told.clicked.hits, told.top_scores, self.names)

    def keys_of(self, at_us: Integers, routers: Integers) -> Integers:
        return np.asarray(at_us // MICROSECONDS * self._spec.routers + routers)

    def counterfactual(
        self, handled: Handled, conditions: Conditions, arm: str, version: str
    ) -> Floats:
        """(n,) by visit: the true chance of a click on the slate, had ``arm`` answered with this
        version and fresh features."""
        visits = handled.visits
        model, trained_at_us = self._model(version)
        slates = self._audience.slates(
            model, trained_at_us, visits.user, visits.at_us, visits.at_us
        )
        wrong = conditions.of(arm)
        factors = np.where(self._inside(wrong.click_where, visits.user), wrong.click_factor, 1.0)
        chances = self._audience.chances(visits, slates, factors)
        return looks.any_click(self._spec.users.click_model, chances)

    def _remote(self, arm: str, conditions: Conditions) -> ArmModel | None:
        if is_in_process(self._settings, arm):
            return None
        return self._spec.arm(arm).dearer(conditions.of(arm).work_factor)

    def _model(self, version: str) -> tuple[ArmModel, int]:
        """How good the slates are goes with the version, whatever arm serves it now."""
        trained = self._models[version]
        name = trained.arm
        settings = self._settings.arms.get(name)
        model = self._spec.arm(name)
        if settings is not None and settings.in_process and name not in self._spec.arms:
            model = replace(model, personal=False)
        return model, trained.trained_at_us

    def _shown(self, handled: Handled, conditions: Conditions, block: InBlock) -> Shown:
        answered = handled.served_by >= 0
        slates = np.zeros((len(handled), self._settings.slate_size), np.int64)
        users = handled.visits.user[handled.visit]
        features_at_us = self._features_at_us(handled)
        remote = np.zeros(len(handled), np.bool_)
        margin_factor = np.ones(len(handled))
        for place, arm in enumerate(handled.plan.arms):
            rows = np.flatnonzero(handled.served_by == place)
            if not len(rows):
                continue
            model, trained_at_us = self._model(handled.versions[place])
            slates[rows] = self._audience.slates(
                model, trained_at_us, users[rows], handled.at_us[rows], features_at_us[rows]
            )
            settings = self._settings.arms.get(arm)
            remote[rows] = settings is None or not settings.in_process
            margin_factor[rows] = conditions.of(arm).margin_factor
        sampled = handled.visits.u_sample[handled.visit] < self._settings.input_sample_share
        sampled &= remote & (handled.result == Result.OK)
        places = block.first + handled.visit
        inputs = self._inputs.of(block.number, block.visits, places[sampled])
        off = shifts_sd(conditions.shifts, handled.at_us, lambda where: self._inside(where, users))
        scores = self._scores.of(
            block.number,
            block.visits,
            places,
            is_personal=remote,
            fatigue=handled.visits.fatigue[handled.visit],
            off_sd=off,
            margin_factor=margin_factor,
        )
        inputs = with_defaults(inputs + off[sampled][:, None], handled.defaulted[sampled])
        return Shown(slates, answered, scores, sampled, inputs)

    def _inside(self, where: Where, users: Integers) -> Mask:
        named = self.names.segments
        values = {column: values for column, (values, _) in named.items()}
        return inside(where, values, {column: codes for column, (_, codes) in named.items()}, users)

    def _features_at_us(self, handled: Handled) -> Integers:
        """(m,) of when the features are that the answer was made from; -1: none, or defaults."""
        if not handled.age_us.shape[1]:
            return np.full(len(handled), -1)
        age_us = handled.age_us[:, self._age_column]
        none = (age_us < 0) | handled.defaulted[:, self._age_column]
        return np.where(none, -1, np.maximum(handled.at_us - age_us, 0))

    def _chances(
        self, handled: Handled, conditions: Conditions, shown: Shown, users: Integers
    ) -> Floats:
        """(n, k) by visit, zero where there was no answer."""
        arms = [conditions.of(arm) for arm in handled.plan.arms]
        served_by = handled.served_by[users]
        factors = np.array([*(arm.click_factor for arm in arms), 0.0])[served_by]
        for place, arm in enumerate(arms):
            if arm.click_where:
                is_spared = ~self._inside(arm.click_where, handled.visits.user)
                factors[is_spared & (served_by == place)] = 1.0
        return self._audience.chances(handled.visits, shown.slates[users], factors)

    def _exchanges(
        self, handled: Handled, users: Integers, clicked: Clicked, chances: Floats
    ) -> Exchanges:
        arms = tuple(handled.plan.arms)
        drawn, served_by = handled.drawn[users], handled.served_by[users]
        latency_ms = (handled.latency_us[users] / 1000.0).astype(np.float32)
        return Exchanges(
            number=handled.visits.number,
            intended_at_s=self.names.seconds(handled.at_us[users]),
            sent=np.ones(len(users), np.bool_),
            latency_ms=latency_ms,
            service_ms=latency_ms,
            problem=_coded(served_by >= 0, ("no answer", "")),
            served_by=_coded(np.where(served_by < 0, len(arms), served_by), (*arms, "")),
            arm=_coded(np.where(drawn < 0, len(arms), drawn), (*arms, "")),
            degraded=(handled.outcome[users] != Outcome.OK) | (served_by != drawn),
            clicks=clicked.counts.astype(np.int16),
            true_chance=looks.any_click(self._spec.users.click_model, chances).astype(np.float32),
        )


def taken(handled: Handled, rows: Integers | Mask) -> Handled:
    """These rows of it."""
    shared = ("plan", "visits", "chances", "versions")
    names = [field.name for field in fields(handled) if field.name not in shared]
    return replace(handled, **{name: getattr(handled, name)[rows] for name in names})


def _coded(codes: Integers | Mask, names: tuple[str, ...]) -> Coded:
    return Coded(codes.astype(np.int16), names)

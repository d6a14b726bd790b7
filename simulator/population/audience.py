"""The users of the virtual world by whole columns: who comes, what they are shown, what they click.

The same users, moods, trends and click model as `Crowd`'s in the live world, with one difference:
a mood is the theme alone, for what was just clicked would make it depend on what was served.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from controller.errors import BadInput
from simulator.population import looks
from simulator.population.bursts import with_lanes
from simulator.population.calibration import (
    WARM_UP_BLOCKS,
    intercept_for,
    sample_times,
    sample_visits,
)
from simulator.population.catalogue import Catalogue
from simulator.population.clicks import ClickWeights, log_odds, sigmoid
from simulator.population.fatigue import Fatigue
from simulator.population.generated_population import generated
from simulator.population.intensity import Intensity
from simulator.population.lanes import BLOCK_US, Lane, Rate, burst_rate, merged
from simulator.population.moods import Moods
from simulator.population.people import Floats, Integers, Population
from simulator.population.rated_population import from_ratings
from simulator.population.seats import PassersBy, Seats
from simulator.population.segments import segment_rows
from simulator.population.slates import Slates
from simulator.population.streams import Streams
from simulator.population.trends import Trends
from simulator.spec import ArmModel, Burst, Users, WorldSpec
from simulator.visits import MICROSECONDS, Visits

HEALTHY = ArmModel()
"""The arm whose slates get the click rate that `Users.ctr` asks for."""


class Audience:
    """Everything is fixed by (spec, seed): nothing that the service does changes who comes.

    A year of visits takes no more memory than a minute's. Raise BadInput where the spec asks for
    what there cannot be.
    """

    def __init__(
        self,
        spec: WorldSpec,
        seed: int,
        *,
        slate_size: int,
        segments: Mapping[str, Sequence[str]],
        bursts: Sequence[Burst] = (),
    ) -> None:
        self.population = people = populated(spec.users, seed)
        items = len(people.item_ids)
        if slate_size > items:
            raise BadInput(f"slates of {slate_size} items; there are {items} items")
        self._spec = spec
        self._slate_size = slate_size
        self._streams = streams = Streams(seed)
        self._segments = segment_rows(streams, segments, len(people.user_ids))
        self._catalogue = Catalogue(people, streams, spec.users.churn_per_day)
        self._moods = Moods(people)
        self._trends = Trends(people)
        self._slates = Slates(
            people,
            self._catalogue,
            self._moods,
            streams,
            start_s=spec.start_s,
            slate_size=slate_size,
        )
        self._examined = looks.examine(slate_size, spec.users.rank_exponent)
        self._lanes = [self._base_lane(), *self._burst_lanes((*spec.traffic.bursts, *bursts))]
        self._weights = ClickWeights(intercept=0.0)
        self._weights = replace(self._weights, intercept=self._calibrated())

    def block(self, number: int) -> Visits:
        """Visits of [number x 60 s, (number + 1) x 60 s), strictly ascending in time.

        Ask in ascending order; skipped blocks cost what they hold. Raise ValueError for one that
        was given or skipped.
        """
        routers = self._spec.routers
        parts = [lane.visits(number, self._slate_size, routers) for lane in self._lanes]
        return merged(parts, number)

    def segment_codes(self, name: str) -> Integers:
        """(users,) places in the values of segment column ``name``. Raise KeyError without it."""
        return self._segments[name]

    def slates(
        self,
        arm: ArmModel,
        trained_at_us: int,
        users: Integers,
        at_us: Integers,  # noqa: ARG002  (what is shown depends on what is known, not on the time)
        features_at_us: Integers,
    ) -> Integers:
        """(n, k) item rows that an arm, trained then, shows to ``users`` (n,). ``features_at_us``
        (n,) is of when the features are that it answers from; -1: it has none."""
        return self._slates.shown(arm, trained_at_us, users, features_at_us)

    def chances(self, visits: Visits, slates: Integers, factor: float | Floats) -> Floats:
        """(n, k) the true chance of a click at each position of each visit's slate, times
        ``factor``: one for all, or (n,). A function of each visit alone, however they are cut."""
        liked = sigmoid(self._log_odds(visits.user, visits.at_us, slates) - visits.fatigue[:, None])
        model = self._spec.users.click_model
        return looks.times(model, looks.marginals(model, liked, self._examined), factor)

    def clicked(self, visits: Visits, chances: Floats) -> NDArray[np.bool_]:
        """(n, k) by the visits' own luck."""
        return looks.clicked(self._spec.users.click_model, chances, visits.u_click)

    def delay_us(self, visits: Visits) -> Integers:
        """(n,) from the slate to its clicks."""
        users = self._spec.users
        delay_s = users.delay_s * np.exp(users.delay_spread * visits.z_delay)
        return np.asarray(delay_s * MICROSECONDS, dtype=np.int64)

    def _log_odds(self, users: Integers, at_us: Integers, slates: Integers) -> Floats:
        """(n, k) of liking, before fatigue. ``at_us`` ascends; items and trends are those at the
        beginning of each minute, so that no cut through the visits changes a chance."""
        people, start_s = self.population, self._spec.start_s
        themes = self._moods.themes(users, start_s + at_us / MICROSECONDS)
        logits = np.empty(slates.shape)
        for minute, rows in by_minute(at_us):
            items = slates[rows]
            vectors = self._catalogue.vectors(minute * BLOCK_US)[items]
            taste = np.einsum("nd,nkd->nk", people.taste[users[rows]], vectors)
            mood = np.einsum("nd,nkd->nk", people.centroids[themes[rows]], vectors)
            trend = self._trends.at(start_s + minute * BLOCK_US / MICROSECONDS)[items]
            logits[rows] = log_odds(self._weights, people.appeal[items], taste, mood, trend)
        return logits

    def _base_lane(self, name: str = "visits", flat: bool = False) -> Lane:
        people, traffic = self.population, self._spec.traffic
        intensity = Intensity(traffic, self._spec.start_s, self._streams)
        return Lane(
            self._streams,
            name,
            lambda block: Rate(traffic.rate_per_s if flat or block < 0 else intensity.at(block)),
            Seats(people, self._streams, name, traffic.rate_per_s),
            Fatigue(len(people.user_ids), self._spec.users.fatigue),
            warm_up_blocks=0 if flat else WARM_UP_BLOCKS,
        )

    def _burst_lanes(self, bursts: Sequence[Burst]) -> Iterator[Lane]:
        people, mean_per_s = self.population, self._spec.traffic.rate_per_s
        for number, name, burst in with_lanes(bursts):
            yield Lane(
                self._streams,
                name,
                burst_rate(burst, mean_per_s),
                PassersBy(people, self._streams, name),
                Fatigue(len(people.user_ids), self._spec.users.fatigue),
                number=number,
            )

    def _calibrated(self) -> float:
        """The intercept at which healthy slates are clicked as often as the spec says, on a sample
        of usual visits over the first day."""
        users, fatigue = sample_visits(self._base_lane("calibration", flat=True))
        at_us = sample_times(len(users))
        slates = self.slates(HEALTHY, 0, users, at_us, at_us)
        logits = self._log_odds(users, at_us, slates) - fatigue[:, None]
        spec = self._spec.users
        return intercept_for(spec.ctr, spec.click_model, logits, self._examined)


def populated(users: Users, seed: int) -> Population:
    """Users and items from the ratings file, where there is one. Raise BadInput if it is bad."""
    if users.ratings is not None:
        return from_ratings(users.ratings, seed)
    return generated(
        seed,
        users.users,
        users.items,
        popularity_exponent=users.popularity_exponent,
        activity_pareto=users.activity_pareto,
    )


def by_minute(at_us: Integers) -> Iterator[tuple[int, slice]]:
    """(minute of the run, its rows) of ascending times."""
    if not len(at_us):
        return
    minutes = at_us // BLOCK_US
    cuts = [0, *(np.flatnonzero(np.diff(minutes)) + 1).tolist(), len(minutes)]
    for start, end in pairwise(cuts):
        yield int(minutes[start]), slice(start, end)

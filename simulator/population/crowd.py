"""The users at work in the live world: who comes, where from, what they look at and click.

`Audience` is the same users by whole columns, for virtual time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.population.arrivals import poisson, visitors
from simulator.population.clicks import Clicks, ClickWeights
from simulator.population.moods import Moods
from simulator.population.people import Population
from simulator.population.segments import segment_rows
from simulator.population.streams import Streams
from simulator.population.trends import Trends

LOOK_MEDIAN_S = 0.8
LOOK_SIGMA = 0.5
LOOK_MAX_S = 4.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to be: ``offset_s`` after the start, by the user in row ``user``."""

    number: int
    offset_s: float
    user: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a user did with a slate. Positions from 0; ``delay_s`` after it was answered."""

    viewed: tuple[int, ...]
    clicked: tuple[int, ...]
    delay_s: float


class Crowd:
    """Every draw comes from a stream named for its actor and its request, so the order in which
    answers arrive changes nothing but the moods they lead to."""

    def __init__(
        self,
        population: Population,
        seed: int,
        segments: Mapping[str, Sequence[str]],
        weights: ClickWeights | None = None,
    ) -> None:
        self.population = population
        self._streams = Streams(seed)
        self._moods = Moods(population)
        self._clicks = Clicks(population, self._moods, Trends(population), weights)
        self._segments = segment_rows(self._streams, segments, len(population.user_ids))
        self._segment_values = {name: tuple(values) for name, values in segments.items()}

    def visits(self, rate_per_s: float) -> Iterator[Visit]:
        """Poisson arrivals at ``rate_per_s``, without end."""
        offsets = poisson(self._streams.named("arrivals"), rate_per_s)
        users = visitors(self.population, self._streams, rate_per_s)
        for number, (offset_s, user) in enumerate(zip(offsets, users, strict=False)):
            yield Visit(number, offset_s, user)

    def segments(self, user: int) -> dict[str, str]:
        """Segment columns of a user; the same for the whole run."""
        return {
            name: self._segment_values[name][rows[user]] for name, rows in self._segments.items()
        }

    def look(self, visit: Visit, slate: Sequence[int], at_s: float) -> Look:
        """The user of ``visit`` meets a slate of item rows at ``at_s``; their mood follows."""
        stream = self._streams.named("look", visit.number)
        user, now_s = np.array([visit.user]), np.array([at_s])
        rows = np.array([slate], dtype=np.int64)
        chances = self._clicks.chances(user, rows, now_s)[0]
        examine = self._clicks.examine(len(slate))
        draws = stream.random((2, len(slate)))
        viewed = draws[0] < examine
        clicked = viewed & (draws[1] < chances / examine)
        self._moods.follow(user, rows, clicked[None, :], now_s)
        delay_s = LOOK_MEDIAN_S * float(np.exp(LOOK_SIGMA * stream.normal()))
        return Look(
            tuple(np.flatnonzero(viewed).tolist()),
            tuple(np.flatnonzero(clicked).tolist()),
            min(delay_s, LOOK_MAX_S),
        )

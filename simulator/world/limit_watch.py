"""Whether a router's limit would have moved, judged over all requests of a span at once.

The twin of `serving.routing.adaptive_limit.AdaptiveLimit` while it stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.routing.adaptive_limit import AdaptiveLimit, Round, adapted
from simulator.visits import MICROSECONDS, Integers


@dataclass(frozen=True, slots=True)
class Requests:
    """Of users, in order of time. ``in_flight``: what each found in its router."""

    router: Integers
    at_us: Integers
    admitted: NDArray[np.bool_]
    latency_us: Integers
    in_flight: Integers


def watch_limits(
    limits: Sequence[AdaptiveLimit], requests: Requests, deadline_ms: float, until_us: int
) -> tuple[list[AdaptiveLimit], int]:
    """The limits as after these requests, and from when on one would be another; at ``until_us``:
    none would."""
    after, moves_us = [], until_us
    for router, limit in enumerate(limits):
        mine = np.flatnonzero(requests.router == router)
        if len(mine):
            limit, moved_us = _watched(limit, requests, mine, deadline_ms)
            moves_us = moves_us if moved_us is None else min(moves_us, moved_us)
        after.append(limit)
    return after, moves_us


def _watched(
    limit: AdaptiveLimit, requests: Requests, mine: Integers, deadline_ms: float
) -> tuple[AdaptiveLimit, int | None]:
    rules, now, past = limit.rules, limit.in_flight, limit.seen
    round_us = round(rules.round_s * MICROSECONDS)
    admitted = requests.admitted[mine]
    slow = admitted & (requests.latency_us[mine] / 1000.0 > rules.slow_ms(deadline_ms))
    # What the present round saw before goes in front, as one more request.
    number = np.concatenate([[past.number], requests.at_us[mine] // round_us])
    numbers, first = np.unique(number, return_index=True)
    answers = np.add.reduceat(np.concatenate([[past.answers], admitted]), first)
    slows = np.add.reduceat(np.concatenate([[past.slow], slow]), first)
    found = np.concatenate([[past.most_in_flight], requests.in_flight[mine]])
    most = np.maximum.reduceat(found, first)
    rounds = numbers, answers, slows, most
    after = copy(limit)
    after.seen = _round(rounds, -1)
    suspect = (slows > 0) | (2 * most >= now) | (now != rules.start)
    for i in np.flatnonzero(suspect[:-1]).tolist():
        if adapted(rules, now, _round(rounds, i)) != now:
            return after, int(numbers[i + 1]) * round_us
    return after, None


def _round(rounds: tuple[Integers, ...], i: int) -> Round:
    return Round(*(int(column[i]) for column in rounds))

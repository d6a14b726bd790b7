"""Whether a breaker would have opened, judged over all attempts of a span at once.

The twin of `serving.routing.breaker.Breaker.record` while it is closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.visits import MICROSECONDS, Integers
from simulator.world.breakers import KeptBreaker
from simulator.world.handled import Result
from simulator.world.state import ServiceState, UnderWay


@dataclass(frozen=True, slots=True)
class Completions:
    """Attempts of users, in order of visits: those under way before the span, then the columns."""

    past: Sequence[UnderWay]
    arms: tuple[str, ...]
    router: Integers
    arm: Integers
    end_us: Integers
    result: NDArray[np.int8]

    def by_breaker(self) -> Iterator[tuple[int, str, Integers, NDArray[np.int8]]]:
        """Router, arm, ends and results, in the order in which they are folded in."""
        group = self.router * len(self.arms) + self.arm
        present = np.flatnonzero(np.bincount(group)).tolist()
        keys = {(int(g) // len(self.arms), self.arms[int(g) % len(self.arms)]): g for g in present}
        for key in sorted({*keys, *((a.router, a.arm) for a in self.past)}):
            past = [a for a in self.past if (a.router, a.arm) == key]
            mine = np.flatnonzero(group == keys.get(key, -1))
            old_us = np.array([a.end_us for a in past], dtype=np.int64)
            old_result = np.array([a.result for a in past], dtype=np.int8)
            end_us = np.concatenate([old_us, self.end_us[mine]])
            result = np.concatenate([old_result, self.result[mine]])
            order = np.argsort(end_us, kind="stable")
            yield *key, end_us[order], result[order]


@dataclass(frozen=True, slots=True)
class Watched:
    """``opens_us``: the end of the attempt at which it would open, None if at none.
    The rest is what it remembers after the last attempt."""

    opens_us: int | None
    window: list[tuple[float, bool]]
    late_in_a_row: int


def watch_breakers(
    state: ServiceState, completions: Completions, until_us: int
) -> dict[tuple[int, str], Watched]:
    """Every closed breaker that is told of an attempt's end before ``until_us``."""
    watched = {}
    for router, arm, end_us, result in completions.by_breaker():
        count = int(np.searchsorted(end_us, until_us))
        if count and state.is_closed(router, arm):
            late = result[:count] == Result.LATE
            bad = late | (result[:count] == Result.ERROR)
            breaker = state.breaker(router, arm)
            watched[router, arm] = watch(breaker, end_us[:count], bad, late)
    return watched


def watch(
    breaker: KeptBreaker, end_us: Integers, bad: NDArray[np.bool_], late: NDArray[np.bool_]
) -> Watched:
    """Attempts of users in the order in which they are folded in; at least one."""
    limits, past = breaker.limits, breaker.window
    ended_s = np.concatenate([[at_s for at_s, _ in past], end_us / MICROSECONDS])
    all_bad = np.concatenate([np.array([b for _, b in past], dtype=np.bool_), bad])
    first = np.searchsorted(ended_s, ended_s - limits.window_s, side="left")
    in_a_row = _run_lengths(late, breaker.late_in_a_row)
    opens_us = None
    if all_bad.any() or breaker.late_in_a_row:
        bad_before = np.concatenate([[0], np.cumsum(all_bad)])
        here = np.arange(len(ended_s))
        count = here + 1 - first
        too_bad = (count >= limits.least_attempts) & (
            bad_before[here + 1] - bad_before[first] >= limits.bad_share * count
        )
        opening = too_bad[len(past) :] | (in_a_row >= limits.late_in_a_row)
        if opening.any():
            opens_us = int(end_us[int(np.argmax(opening))])
    kept = slice(int(first[-1]), None)
    window = list(zip(ended_s[kept].tolist(), all_bad[kept].tolist(), strict=True))
    return Watched(opens_us, window, int(in_a_row[-1]))


def _run_lengths(late: NDArray[np.bool_], before: int) -> Integers:
    """How many late ones in a row end at each place, ``before`` of them before the first."""
    place = np.arange(len(late))
    last_good = np.maximum.accumulate(np.where(late, -1, place))
    return place - last_good + np.where(last_good < 0, before, 0)

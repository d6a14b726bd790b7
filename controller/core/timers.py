"""How long, and how often, one comparison has been true: `for 2s`, `for 5 ticks`, `3 times within
10m`.

A timer moves at every tick, by ok readings (`held_s`, `ticks`, `begun_s`) and by what may be
assumed where no_data is `act` (`assumed_…`). It is part of the judge's state, so it is bounded:
`MOST_TIMES` beginnings at most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from controller.core.playbook import Comparison, NoData
from controller.core.wording import duration

TOLERANCE = 1e-6
MOST_TIMES = 20
"""Of `N times within D`; also how many beginnings a timer keeps."""


class Truth(StrEnum):
    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Timer:
    """How long one comparison has been true, by ok readings and by what may be assumed."""

    held_s: float | None = None
    """None: not running. Counts only what ok readings showed."""
    assumed_s: float | None = None
    """The same, running on over unknown ticks where no_data is `act`."""
    paused: bool = False
    """Stopped without a reset: unknown, where no_data is `hold`."""
    unknown_s: float | None = None
    paged: bool = False
    ticks: int = 0
    """Ticks in a row at which it was met; only of a comparison with `for N ticks`."""
    assumed_ticks: int = 0
    runs: Runs | None = None
    """Only of a comparison with `N times within D`."""
    assumed_runs: Runs | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """The times a comparison became true. ``on``: it was, at the last tick that counts.

    ``begun_s``: how long ago each began, the oldest first. ``reached``: the present one was the
    Nth within D when it began.
    """

    on: bool = False
    reached: bool = False
    begun_s: tuple[float, ...] = ()


RESTING = Timer()
_NO_RUNS = Runs()


def advance(
    leaf: Comparison, timer: Timer, now: Truth, policy: NoData, elapsed_s: float | None
) -> Timer:
    """The timer after this tick; ``elapsed_s`` None restarts it."""
    if now is Truth.NOT_MET and not leaf.times:  # nearly always
        return RESTING
    if elapsed_s is None:
        timer = Timer(paged=timer.paged)
    moved = _span(timer, now, policy, elapsed_s or 0.0)
    if leaf.for_ticks:
        return _with_ticks(leaf, moved, timer, now, policy)
    if leaf.times:
        return _with_runs(leaf, moved, timer, now, policy, elapsed_s or 0.0)
    return moved


def strictly_met(leaf: Comparison, timer: Timer) -> bool:
    """Whether a comparison that is met now has been so for long, or often, enough."""
    if leaf.for_ticks:
        return timer.ticks >= leaf.for_ticks
    if leaf.times:
        return timer.runs is not None and timer.runs.reached
    return timer.held_s is not None and timer.held_s >= leaf.for_s - TOLERANCE


def assumed_met(leaf: Comparison, timer: Timer) -> bool:
    """The same, with unknown ticks counted as met; only where no_data is `act`."""
    if leaf.for_ticks:
        return timer.assumed_ticks >= leaf.for_ticks
    if leaf.times:
        return timer.assumed_runs is not None and timer.assumed_runs.reached
    return timer.assumed_s is not None and timer.assumed_s >= leaf.for_s - TOLERANCE


def span_s(leaf: Comparison, tick_s: float) -> float:
    """The least time from the first tick that counts to the one at which the leaf can be met."""
    if leaf.for_ticks:
        return (leaf.for_ticks - 1) * tick_s
    return leaf.times_within_s if leaf.times else leaf.for_s


def so_far(leaf: Comparison, timer: Timer) -> str:
    """`` for 1 s of 2 s``, `` for 3 of 5 ticks``, ``, 2 of 3 times within 10 min``; or nothing."""
    if leaf.for_ticks:
        ticks = min(timer.ticks, leaf.for_ticks)
        done = ticks == leaf.for_ticks
        return f" for {ticks} ticks" if done else f" for {ticks} of {leaf.for_ticks} ticks"
    if leaf.times:
        count = len(timer.runs.begun_s) if timer.runs is not None else 0
        of = "" if timer.runs is not None and timer.runs.reached else f" of {leaf.times}"
        return f", {count}{of} times within {duration(leaf.times_within_s)}"
    if not leaf.for_s:
        return ""
    held_s = timer.held_s or 0.0
    of = f" of {duration(leaf.for_s)}" if held_s < leaf.for_s else ""
    return f" for {duration(held_s)}{of}"


def _span(timer: Timer, now: Truth, policy: NoData, step_s: float) -> Timer:
    if now is Truth.NOT_MET:
        return RESTING
    if now is Truth.MET:
        held_s = _longer(timer.held_s, 0.0 if timer.paused else step_s)
        assumed_s = _longer(timer.assumed_s, step_s) if policy is NoData.ACT else held_s
        return Timer(held_s, assumed_s)
    unknown_s = _longer(timer.unknown_s, step_s)
    if policy is NoData.HOLD:
        return Timer(timer.held_s, timer.assumed_s, True, unknown_s, timer.paged)
    if policy is NoData.ACT:
        return Timer(None, _longer(timer.assumed_s, step_s), False, unknown_s, timer.paged)
    return Timer(None, None, False, unknown_s, timer.paged)


def _longer(held_s: float | None, step_s: float) -> float:
    return 0.0 if held_s is None else round(held_s + step_s, 6)


def _with_ticks(leaf: Comparison, moved: Timer, before: Timer, now: Truth, policy: NoData) -> Timer:
    """A count stops at the one that is asked for, so that it does not grow for ever."""
    if now is Truth.NOT_MET:
        return moved
    if now is Truth.MET:
        most = leaf.for_ticks
        return replace(
            moved,
            ticks=min(before.ticks + 1, most),
            assumed_ticks=min(before.assumed_ticks + 1, most),
        )
    if policy is NoData.HOLD:
        return replace(moved, ticks=before.ticks, assumed_ticks=before.assumed_ticks)
    if policy is NoData.ACT:
        return replace(moved, assumed_ticks=min(before.assumed_ticks + 1, leaf.for_ticks))
    return moved


def _with_runs(
    leaf: Comparison, moved: Timer, before: Timer, now: Truth, policy: NoData, step_s: float
) -> Timer:
    """Under `escalate` an unknown tick forgets what was counted, as it restarts every `for`."""
    if now is Truth.UNKNOWN and policy is NoData.ESCALATE:
        return moved
    known = None if now is Truth.UNKNOWN else now is Truth.MET
    runs = _next_runs(leaf, before.runs or _NO_RUNS, known, step_s)
    if policy is not NoData.ACT:
        return replace(moved, runs=runs)
    assumed = _next_runs(leaf, before.assumed_runs or _NO_RUNS, known is not False, step_s)
    return replace(moved, runs=runs, assumed_runs=assumed)


def _next_runs(leaf: Comparison, runs: Runs, met: bool | None, step_s: float) -> Runs:
    """``met`` None neither begins nor ends a run; time passes all the same."""
    aged = tuple(round(each + step_s, 6) for each in runs.begun_s)
    begun_s = tuple(each for each in aged if each <= leaf.times_within_s + TOLERANCE)
    if met is None:
        return Runs(runs.on, runs.reached, begun_s)
    if not met:
        return Runs(False, False, begun_s)
    if runs.on:
        return Runs(True, runs.reached, begun_s)
    begun_s = (*begun_s, 0.0)[-leaf.times :]
    return Runs(True, len(begun_s) >= leaf.times, begun_s)

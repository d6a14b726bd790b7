"""``change(SIGNAL)``: 1 while an alarm stands that the signal's mean or rate has changed, else 0.

Only series that a playbook asks for are followed, by windows that do not overlap. A signal whose
value times its sample is a count, as a rate of clicks, is judged by `RateShift`, any other by
`MeanShift`; both are calibrated to one false alarm per 30 days, on series that are stationary or
have a daily season. At least the first day is `insufficient`: until a whole day was seen, nobody
knows that a fall is not the night (for a rate, also until a million trials were seen). An alarm
stands for an hour, and from it on a new day is learnt, so that the new state is then the usual one;
there is no second alarm in that day. What is not ok is not judged, and shows its own state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Catalogue, Reading, SignalSpec
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.follower import FollowerKind
from controller.monitors.following.followed_series import (
    SAMPLE_EVERY_S,
    Answer,
    SeriesFollower,
    of_each,
)
from controller.monitors.monitor import Arrays
from controller.settings import Settings
from controller.statistics.mean_shift import MeanShift
from controller.statistics.rate_shift import RateShift

HOLD_S = 3_600.0
WHOLE = 1e-6
"""A share whose value times its sample is this near to a whole number, relatively, is of counts."""


def specs_of(_settings: Settings, catalogue: Catalogue) -> tuple[SignalSpec, ...]:
    """One for each signal, with its labels and windows."""
    return tuple(_each(catalogue).values())


def _each(catalogue: Catalogue) -> dict[str, SignalSpec]:
    return of_each(catalogue, "change", "count", "1 while an alarm of change stands", "high")


class ChangeJudge:
    """See `controller.monitors.following.followed_series.Judge`."""

    def __init__(self, window_s: float, *, may_be_counts: bool) -> None:
        self._window_s = window_s
        self._of_counts = may_be_counts
        self._count = 0
        self._judged_until_s = -math.inf
        self._alarm_until_s = -math.inf
        self._detector = self._anew()

    def _anew(self) -> RateShift | MeanShift:
        step_s = max(self._window_s, float(SAMPLE_EVERY_S))
        return RateShift(step_s) if self._of_counts else MeanShift(step_s)

    def take(self, at_s: float, reading: Reading) -> None:
        """Judge it, if its window begins where the last one ended, or later."""
        if self._window_s and reading.window_start_s < self._judged_until_s:
            return
        self._judged_until_s = reading.window_end_s
        self._count += 1
        if self._is_changed(reading):
            self._alarm_until_s = at_s + HOLD_S
            self._detector = self._anew()

    def _is_changed(self, reading: Reading) -> bool:
        value, size = reading.value or 0.0, reading.sample_size
        if self._of_counts and not _is_of_counts(value, size):
            self._of_counts = False
            self._detector = self._anew()
        if isinstance(self._detector, RateShift):
            return self._detector.step(reading.window_end_s, size, round(value * size))
        return self._detector.step(reading.window_end_s, value)

    def answer(self, at_s: float) -> Answer:
        """Whether an alarm stands."""
        if at_s < self._alarm_until_s:
            return Answer(1.0, self._count)
        if not self._detector.is_ready:
            return Answer(None, self._count, self._detector.lacking())
        return Answer(0.0, self._count)

    def snapshot(self) -> Arrays:
        """What was learnt, and how long an alarm stands."""
        times_s = [self._judged_until_s, self._alarm_until_s]
        own = {
            "counts": np.array([self._count, self._of_counts], dtype=np.int64),
            "times_s": np.array(times_s),
        }
        return nested(own=own, detector=self._detector.snapshot())

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        own = unnested(arrays, "own")
        self._count, of_counts = own["counts"].tolist()
        self._judged_until_s, self._alarm_until_s = own["times_s"].tolist()
        self._of_counts = bool(of_counts)
        self._detector = self._anew()
        self._detector.restore(unnested(arrays, "detector"))


def _is_of_counts(value: float, size: int) -> bool:
    counted = value * size
    return 0.0 <= value <= 1.0 and abs(counted - round(counted)) <= WHOLE * max(1.0, counted)


class ChangeFollower(SeriesFollower):
    """See `controller.monitors.follower.Follower`."""

    def __init__(self, _settings: Settings, catalogue: Catalogue) -> None:
        each, own = _each(catalogue), catalogue.specs
        about = {spec.name: own[name] for name, spec in each.items()}
        super().__init__(
            each.values(),
            about,
            lambda key: ChangeJudge(key.window_s, may_be_counts=own[key.name].unit == "share"),
        )


FOLLOWER = FollowerKind("change", specs_of, ChangeFollower)

"""``hint.adwin`` and ``hint.page_hinkley``: river's detectors on an arm's matured clicks.

Hints to retrain, no more: neither can be set to a false-alarm rate (`benchmarks/monitors_ctr.py`
measures theirs), so they are drift, which never routes. `change(ctr)` is the one with a rate.

1 for an hour after the detector says so, else 0; followed only when a playbook asks for it. The
clicks of each window of `ctr` (60 s, not overlapping) are handed over request by request, spread
evenly, as nothing tells their order; of more than 500 requests, as that many means (1 ms). Learning
until `LEAST_WINDOWS` were seen. river's objects cannot be stored as arrays: what is stored are the
last 60 windows, from which a new one is fed again, so a restart forgets what was before.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from river import drift

from controller.core.readings import Catalogue, Reading, SignalSpec
from controller.monitors.follower import FollowerKind
from controller.monitors.following.change import HOLD_S
from controller.monitors.following.followed_series import Answer, SeriesFollower
from controller.monitors.monitor import Arrays
from controller.settings import Settings

ABOUT = "ctr"
LEAST_WINDOWS = 30
KEPT_WINDOWS = 60
MOST_VALUES = 500


def _spec(name: str, says: str) -> SignalSpec:
    what = f"1 for an hour after river's {says} at its default says that the arm's `ctr` changed"
    return SignalSpec(name, "count", ("arm",), 0, 0.0, what, is_drift=True)


ADWIN = _spec("hint.adwin", "ADWIN")
PAGE_HINKLEY = _spec("hint.page_hinkley", "Page-Hinkley")


class RiverDetector(Protocol):
    @property
    def drift_detected(self) -> bool:
        """Whether the last value showed drift."""

    def update(self, x: float) -> Any:
        """One value."""


class HintJudge:
    """See `controller.monitors.following.followed_series.Judge`."""

    def __init__(self, make: Callable[[], RiverDetector]) -> None:
        self._detector = make()
        self._count = 0
        self._judged_until_s = -math.inf
        self._hint_until_s = -math.inf
        self._kept: deque[tuple[int, int]] = deque(maxlen=KEPT_WINDOWS)

    def take(self, at_s: float, reading: Reading) -> None:
        """Hand over the window's requests, if it begins where the last one ended, or later."""
        if reading.window_start_s < self._judged_until_s:
            return
        self._judged_until_s = reading.window_end_s
        requests = reading.sample_size
        clicks = round((reading.value or 0.0) * requests)
        self._kept.append((requests, clicks))
        self._count += 1
        if self._is_drift(requests, clicks):
            self._hint_until_s = at_s + HOLD_S

    def _is_drift(self, requests: int, clicks: int) -> bool:
        found = False
        for value in _spread(requests, clicks):
            self._detector.update(value)
            found = found or self._detector.drift_detected
        return found

    def answer(self, at_s: float) -> Answer:
        """Whether a hint stands."""
        if at_s < self._hint_until_s:
            return Answer(1.0, self._count)
        if self._count < LEAST_WINDOWS:
            return Answer(None, self._count, f"learning: {self._count} of {LEAST_WINDOWS} windows")
        return Answer(0.0, self._count)

    def snapshot(self) -> Arrays:
        """The last windows, and how long a hint stands."""
        return {
            "windows": np.array(self._kept, dtype=np.int64).reshape(-1, 2),
            "count": np.array([self._count]),
            "times_s": np.array([self._judged_until_s, self._hint_until_s]),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Feed the last windows again. Raise KeyError or ValueError on anything else."""
        for requests, clicks in arrays["windows"].tolist():
            self._kept.append((requests, clicks))
            self._is_drift(requests, clicks)
        self._count = int(arrays["count"][0])
        self._judged_until_s, self._hint_until_s = arrays["times_s"].tolist()


def _spread(requests: int, clicks: int) -> list[float]:
    """A 1 for each click, evenly among 0s; where there are too many, means of some."""
    steps = min(requests, MOST_VALUES)
    if not steps:
        return []
    clicked = np.diff(np.arange(steps + 1) * requests // steps * clicks // requests)
    asked = np.diff(np.arange(steps + 1) * requests // steps)
    found: list[float] = (clicked / asked).tolist()
    return found


def _kind(spec: SignalSpec, make: Callable[[], RiverDetector]) -> FollowerKind:
    def follower(_settings: Settings, catalogue: Catalogue) -> SeriesFollower:
        about = {spec.name: catalogue.specs[ABOUT]}
        return SeriesFollower((spec,), about, lambda _key: HintJudge(make))

    return FollowerKind(spec.name, lambda _settings, _own: (spec,), follower)


FOLLOWERS = (
    _kind(ADWIN, drift.ADWIN),
    _kind(PAGE_HINKLEY, drift.PageHinkley),
)

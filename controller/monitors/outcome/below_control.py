"""Whether an arm is clicked less than the standing control, watched all the time.

Each clicked request that the draw could have sent to the arm or to the control bets on which of
the two it was, against the chances logged (`attribution_log_factors`). Null: at every moment the
arm's click-through rate is at least the control's, whatever season, holiday or crowd moves both,
and however the shares change. While that holds, Shiryaev-Roberts alarms at most once per span of
``false_actions`` in the mean, over all arms together (`e_detector`): a bound, not a calibration.
Simulated under a season it made 0.75 of the alarms allowed (`benchmarks/monitors_ctr.py`). At
the default setting and a control of 2 %, a fall to 0.8 of the control's rate took 350 of the
control's clicks in the median (58 min at 100 requests/s and 5 %), to 0.5 it took 65, to 0.3 30.

A step of `STEP_S` without such a click is no step: missing data is evidence of nothing. Clicks are
read once their draws are W seconds old (``attribution_window_s``), so that a slow arm's later
clicks do not look like fewer. Chances are of requests, so draws by sticky units are outside of the
bound. An arm that earns more than the control may fall by that much unseen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.nesting import text_array
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.outcome.attributed import STEP_S, AttributedClickTally, Clicks
from controller.monitors.outcome.clicks import LEAST_EXPECTED_CLICKS
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.statistics.e_detector import (
    WEIGHTS,
    EDetector,
    attribution_log_factors,
    threshold,
)
from controller.telemetry.schema import OUTCOME, SERVED

SUPPORT_S = 600
"""Clicks of so long must be there for the evidence to be about now."""
MOST_EVIDENCE = 10.0
"""Times the threshold: what is beyond is forgotten, so that an alarm ends when its cause does."""
BELOW_CONTROL = SignalSpec(
    "ctr.below_control",
    "value",
    ("arm",),
    20,
    0.0,
    "1 while the arm is surely clicked less than the concurrent control, else 0; false at most as "
    "often as false_actions says",
    users_only=True,
    compares_arms=True,
    harm="high",
)


class BelowControlReader(Reader):
    """Bets once on each step of draws, when it is mature."""

    def __init__(self, settings: Settings) -> None:
        self._control = settings.fallback_arm
        self._place_of = {arm: place for place, arm in enumerate(settings.arms)}
        self._arms = tuple(arm for arm in settings.arms if arm != self._control)
        # Each arm may have its share of the false alarms.
        one_per_s = settings.false_action_every_s * max(1, len(self._arms))
        self._alarm_at = threshold(max(one_per_s, STEP_S), STEP_S)
        self._detectors = {arm: EDetector(WEIGHTS, self._alarm_at) for arm in self._arms}
        self._support: dict[str, list[tuple[int, int]]] = {arm: [] for arm in self._arms}
        """Steps and how many clicks were bet on."""
        self._done_s = 0

    def advance(self, tally: AttributedClickTally, tick: TickView) -> None:
        known_s = min(tick.sources[topic].watermark_s for topic in (SERVED, OUTCOME))
        upto_s = math.floor((known_s - tally.window_s) / STEP_S) * STEP_S
        if not self._done_s:
            self._done_s = max(upto_s, math.ceil(tick.started_s / STEP_S) * STEP_S)
        for step_s in range(self._done_s, upto_s, STEP_S):
            for clicks in tally.clicks(step_s, step_s + STEP_S):
                self._bet(step_s, clicks)
        self._done_s = max(self._done_s, upto_s)
        for support in self._support.values():
            while support and support[0][0] < self._done_s - SUPPORT_S:
                del support[0]

    def _bet(self, step_s: int, clicks: Clicks) -> None:
        control = self._place_of[self._control]
        for arm, detector in self._detectors.items():
            place = self._place_of[arm]
            mine, theirs = clicks.chances[:, place], clicks.chances[:, control]
            own, others = clicks.drawn == place, clicks.drawn == control
            compared = (own | others) & (mine > 0.0) & (theirs > 0.0)
            if not compared.any():
                continue
            chance = mine[compared] / (mine[compared] + theirs[compared])
            factors = attribution_log_factors(chance, own[compared], others[compared])
            detector.step(factors.sum(axis=0))
            beyond = float(detector.evidence()) / (MOST_EVIDENCE * self._alarm_at)
            if beyond > 1.0:
                detector.state = detector.state / beyond
            self._support[arm].append((step_s, int(compared.sum())))

    def families(self, tally: AttributedClickTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family((BELOW_CONTROL,), "arm", self._arms, is_open=False),)

    def reading(self, key: SignalKey, tally: AttributedClickTally, tick: TickView) -> Reading:  # noqa: ARG002
        arm = key.labels[0][1]
        window = (float(self._done_s - SUPPORT_S), float(self._done_s))
        clicks = sum(count for _, count in self._support[arm])
        value = float(self._detectors[arm].evidence() >= self._alarm_at)
        idle = "no clicks of draws between the two"
        reading = tick.reading(BELOW_CONTROL, (SERVED, OUTCOME), window, value, clicks, idle)
        silent_s = tick.sources[OUTCOME].silent_s
        due = silent_s * clicks / SUPPORT_S
        if reading.state is not ReadingState.OK or due < LEAST_EXPECTED_CLICKS:
            return reading
        note = f"no outcome for {silent_s:.0f}s although {due:.0f} clicks were due"
        return Reading(None, ReadingState.STALE, clicks, *window, note)

    def snapshot(self) -> Arrays:
        support = [(place, *e) for place, a in enumerate(self._arms) for e in self._support[a]]
        return {
            "arms": text_array(list(self._arms)),
            "states": np.array([self._detectors[arm].state for arm in self._arms]),
            "support": np.array(support, dtype=np.int64).reshape(-1, 3),
            "done_s": np.array([self._done_s], dtype=np.int64),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if not arrays:
            return
        names, states = arrays["arms"].tolist(), arrays["states"]
        if names and states.shape != (len(names), WEIGHTS.size):
            raise ValueError("evidence of other bets")
        for arm, state in zip(names, states, strict=True):
            if arm in self._detectors:
                self._detectors[arm].state = state.astype(np.float64)
        for place, step_s, count in arrays["support"].tolist():
            if names[place] in self._support:
                self._support[names[place]].append((step_s, count))
        self._done_s = int(arrays["done_s"][0])


MONITOR = Monitor(
    "below_control",
    (OUTCOME,),
    (BELOW_CONTROL,),
    lambda settings: AttributedClickTally(tuple(settings.arms), settings.attribution_window_s),
    BelowControlReader,
    extra_horizon_s=lambda settings: settings.attribution_window_s,
    every_s=STEP_S,
)

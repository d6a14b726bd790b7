"""Which model inputs no longer look like what the arm's model was trained on.

Compared with the reference that the `model` topic repeats for the version an arm serves, and with
the same hour a week ago. A decision's level is what one look of all arms may take of the false
decisions a day that the settings allow. Measured at the default of one a day: 0.2 a day, over 20
days of 20 features whose 10 rows a second follow an AR(1) of 0.9.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.data.drift_comparison import DriftComparison
from controller.monitors.data.drift_tally import DriftTally
from controller.monitors.monitor import Family, Monitor, Reader
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.statistics.drift import LEAST_ROWS
from controller.telemetry.schema import MODEL, SERVED

DRIFT_WINDOW_S = 300.0
LOOK_EVERY_S = 10
DAY_S = 86_400.0
FAR_OUT = 10.0
"""Counts of dependent rows stray more often than their null says that far out, and a false
decision may end and begin again: with 1 it would be 0.5 to 0.75 false ones a day, with little
room."""


def _of_feature(name: str, unit: str, about: str) -> SignalSpec:
    text = f"{about}, the worst over arms"
    return SignalSpec(name, unit, ("feature",), LEAST_ROWS, DRIFT_WINDOW_S, text, is_drift=True)


PSI = _of_feature(
    "drift.psi", "value", "Population stability index of a model input against its training data"
)
PSI_LAST_WEEK = _of_feature(
    "drift.psi_last_week", "value", "Population stability index against the same hour last week"
)
KS = _of_feature(
    "drift.ks", "value", "Largest distance of a model input's distribution from its training data's"
)
WASSERSTEIN = _of_feature(
    "drift.wasserstein",
    "value",
    "Wasserstein distance of a number from its training data, in their interquartile ranges",
)
NULL_RATE = _of_feature("null_rate", "share", "Null values among a model input's, or left out")
UNSEEN_RATE = _of_feature(
    "unseen_rate", "share", "Values that training never saw among those of an input that is a code"
)
SHIFTED = SignalSpec(
    "drift.shifted_features",
    "count",
    ("arm",),
    LEAST_ROWS,
    DRIFT_WINDOW_S,
    "Inputs of the arm's model that moved: proven against the rows' own dependence, PSI >= 0.1",
    is_drift=True,
)
_EFFECTS: dict[str, tuple[SignalSpec, Callable[[DriftComparison], np.ndarray]]] = {
    PSI.name: (PSI, lambda compared: compared.psi),
    PSI_LAST_WEEK.name: (PSI_LAST_WEEK, lambda compared: compared.psi_last_week),
    KS.name: (KS, lambda compared: compared.ks),
    WASSERSTEIN.name: (WASSERSTEIN, lambda compared: compared.wasserstein),
    NULL_RATE.name: (NULL_RATE, lambda compared: compared.null_rate),
    UNSEEN_RATE.name: (UNSEEN_RATE, lambda compared: compared.unseen_rate),
}
SPECS = (PSI, SHIFTED, KS, WASSERSTEIN, PSI_LAST_WEEK, NULL_RATE, UNSEEN_RATE)


def level_of_a_look(false_per_day: float, arms: int) -> float:
    """The chance of a false decision that one look at one arm may take."""
    return false_per_day * LOOK_EVERY_S / DAY_S / max(arms, 1) / FAR_OUT


class DriftReader(Reader):
    """Compares once per window, however many signals ask; the result depends on nothing before."""

    def __init__(self, settings: Settings) -> None:
        self._arms = tuple(settings.arms)
        self._false_per_day = settings.false_drift_per_day
        self._compared: dict[tuple[str, float], DriftComparison] = {}

    def advance(self, tally: DriftTally, tick: TickView) -> None:  # noqa: ARG002
        self._compared = {}

    def families(self, tally: DriftTally) -> tuple[Family, ...]:
        arms = dict.fromkeys((*self._arms, *tally.references))
        of_all = (PSI, KS, WASSERSTEIN, PSI_LAST_WEEK, NULL_RATE)
        return (
            Family((SHIFTED,), "arm", tuple(arms)),
            Family(of_all, "feature", tally.features()),
            Family((UNSEEN_RATE,), "feature", tally.coded_features()),
        )

    def reading(self, key: SignalKey, tally: DriftTally, tick: TickView) -> Reading:
        if key.name == SHIFTED.name:
            return self._of_arm(key, tally, tick)
        spec, effect = _EFFECTS[key.name]
        feature, window = key.labels[0][1], tick.window(key.window_s)
        known: list[tuple[int, float]] = []
        is_named = False
        for arm, reference in tally.references.items():
            place = reference.table.rows.get(feature)
            is_named = is_named or place is not None
            if place is not None:
                compared = self._compare(arm, key.window_s, tally, tick)
                if compared.rows[place]:
                    value = effect(compared).item(place)
                    known.append((compared.rows.item(place), value))
        rows, value = max(known, key=_severity, default=(0, np.nan))
        idle = "no input rows" if is_named else ""
        told = None if value != value else value
        return tick.reading(spec, (SERVED,), window, told, rows, idle)

    def _of_arm(self, key: SignalKey, tally: DriftTally, tick: TickView) -> Reading:
        arm, window = key.labels[0][1], tick.window(key.window_s)
        if arm not in tally.references:
            if tick.trouble((SERVED,), key.window_s) is None:
                note = "no model said what it was trained on"
                return Reading(None, ReadingState.INSUFFICIENT, 0, *window, note)
            return tick.reading(SHIFTED, (SERVED,), window, None, 0, "no input rows")
        compared = self._compare(arm, key.window_s, tally, tick)
        rows = int(compared.rows.max(initial=0))
        value = None if compared.shifted is None else float(compared.shifted)
        return tick.reading(SHIFTED, (SERVED,), window, value, rows, "no input rows")

    def _compare(
        self, arm: str, window_s: float, tally: DriftTally, tick: TickView
    ) -> DriftComparison:
        found = self._compared.get((arm, window_s))
        if found is None:
            found = self._compared[arm, window_s] = DriftComparison(
                tally.references[arm],
                tally.counts[arm],
                tally.hours[arm],
                tick.window(window_s),
                level_of_a_look(self._false_per_day, len(tally.references)),
            )
        return found


def _severity(result: tuple[int, float]) -> tuple[bool, bool, float]:
    rows, value = result
    return rows >= LEAST_ROWS, value == value, value


MONITOR = Monitor(
    "drift",
    (SERVED, MODEL),
    SPECS,
    lambda _settings: DriftTally(),
    DriftReader,
    every_s=LOOK_EVERY_S,
)

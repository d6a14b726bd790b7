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
_NO_ROWS = (0, np.nan)
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
        self._known: dict[str, str] | None = None
        self._families: tuple[Family, ...] = ()

    def advance(self, tally: DriftTally, tick: TickView) -> None:  # noqa: ARG002
        self._compared = {}

    def families(self, tally: DriftTally) -> tuple[Family, ...]:
        known = {arm: reference.id for arm, reference in tally.references.items()}
        if known != self._known:
            arms = dict.fromkeys((*self._arms, *known))
            of_all = (PSI, KS, WASSERSTEIN, PSI_LAST_WEEK, NULL_RATE)
            self._known = known
            self._families = (
                Family((SHIFTED,), "arm", tuple(arms)),
                Family(of_all, "feature", tally.features()),
                Family((UNSEEN_RATE,), "feature", tally.coded_features()),
            )
        return self._families

    def reading(self, key: SignalKey, tally: DriftTally, tick: TickView) -> Reading:
        if key.name == SHIFTED.name:
            return self._of_arm(key, tally, tick)
        worst = tick.once(
            (self, key.name, key.window_s), lambda: self._worst(key.name, key.window_s, tally, tick)
        )
        feature, window = key.labels[0][1], tick.window(key.window_s)
        rows, value = worst.get(feature, _NO_ROWS)
        idle = "no input rows" if feature in worst else ""
        told = None if value != value else value
        return tick.reading(_EFFECTS[key.name][0], (SERVED,), window, told, rows, idle)

    def _worst(
        self, name: str, window_s: float, tally: DriftTally, tick: TickView
    ) -> dict[str, tuple[int, float]]:
        """Rows and value of every feature, in the arm where it is worst; (0, NaN) without rows."""
        worst: dict[str, tuple[int, float]] = {}
        for arm, reference in tally.references.items():
            compared = self._compare(arm, window_s, tally, tick)
            values = _EFFECTS[name][1](compared).tolist()
            seen = zip(compared.rows.tolist(), values, strict=True)
            for feature, result in zip(reference.names, seen, strict=True):
                held = worst.setdefault(feature, _NO_ROWS)
                if result[0] and (held is _NO_ROWS or _severity(result) > _severity(held)):
                    worst[feature] = result
        return worst

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

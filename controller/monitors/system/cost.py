"""What 1,000 recommendations cost, by the arm drawn, the route and the model that answered.

Fed by what feeds `users`: processor, accelerator and memory of each request, priced by settings.
Amounts are whole picos of the currency (1e-12), so that sums are exact in any order; rounding each
request to one is at most a thousandth of the price of a millisecond. A request that failed costs
too and brings no slate. What probes and shadows use is not in it.

A request without ``cpu_ms`` is of unknown cost. One without ``gpu_ms`` or ``memory_mb_s`` is taken
to have used none: a missing report of those two reads as a known zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.slots import safe_label
from controller.monitors.counting.sums import Sums
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.tick import TickView
from controller.settings import Prices
from controller.telemetry.schema import SERVED

WINDOW_S = 60.0
STEP_S = 10
PICO = 1e-12
MOST_PER_REQUEST = 2.0**40
"""Picos (about one unit of the currency) beyond which a request's cost is not believed."""
MOST_SERIES = 96
"""Of all labels together; what is beyond is in no reading."""


def _spec(name: str, label: str, what: str) -> SignalSpec:
    summary = f"Cost of 1,000 recommendations {what}, in the settings' currency"
    return SignalSpec(name, "value", (label,), 20, WINDOW_S, summary, users_only=True, harm="high")


SPECS = {
    "arm": _spec("cost_per_1000", "arm", "drawn to the arm"),
    "route": _spec("cost_per_1000_by_route", "route", "of the route"),
    "model_version": _spec("cost_per_1000_by_version", "model_version", "the model answered"),
}
_LABEL_OF = {spec.name: label for label, spec in SPECS.items()}
_SLATE, _NO_SLATE, _UNKNOWN, _PICOS = 0, 1, 2, 3
"""Requests of a known cost with and without a slate, those without one, and the cost."""


class _Priced(NamedTuple):
    """By row of a slab: what kind of request it is to `CostTally` (-1: none), and its cost."""

    kinds: NDArray[np.int64]
    picos: NDArray[np.float64]


class CostTally:
    """Series are ``label:value``, so that each request is counted under its labels at once."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._key = ("cost", prices.cpu_core_hour, prices.gpu_hour, prices.memory_gb_hour)
        self.sums = Sums(4, most_series=MOST_SERIES, step_s=STEP_S)

    def update(self, rows: BatchView) -> None:
        events = rows.events((*self._key, "requests"), self._requests, "done_at_s")
        self.sums.count(events)
        chosen = events.whole.rows[events.start : events.end]
        picos = rows.made(self._key, self._priced).picos[chosen]
        self.sums.weigh(events.names, events.codes, events.seconds, _PICOS, picos)

    def _requests(self, rows: BatchView) -> RowEvents:
        """Each request once for each label it has."""
        names: list[str] = []
        codes = np.empty((rows.row_count, len(_LABELLED)), dtype=np.int64)
        for place, (label, make) in enumerate(_LABELLED.items()):
            values, own = make(rows)
            codes[:, place] = np.where(own >= 0, own + len(names), -1)
            names += [f"{label}:{safe_label(value)}" for value in values]
        labels, kinds = len(_LABELLED), rows.made(self._key, self._priced).kinds
        kept = (codes >= 0) & (kinds >= 0)[:, np.newaxis]
        return RowEvents.of(
            rows.row_count,
            tuple(names),
            kept.reshape(-1),
            np.repeat(np.arange(rows.row_count), labels),
            codes.reshape(-1),
            np.repeat(columns.done_s(rows), labels),
            np.repeat(kinds, labels),
        )

    def _priced(self, rows: BatchView) -> _Priced:
        prices = self._prices
        cost = rows.numbers("cpu_ms") * (prices.cpu_core_hour / 3_600_000.0 / PICO)
        for name, price in (
            ("gpu_ms", prices.gpu_hour / 3_600_000.0),
            ("memory_mb_s", prices.memory_gb_hour / 3_600_000.0),
        ):
            used = rows.numbers(name)
            # Who has no accelerator reports none.
            cost += np.where(used == used, used, 0.0) * (price / PICO)
        known = (cost >= 0.0) & (cost <= MOST_PER_REQUEST)
        kinds = np.where(columns.has_slate(rows), _SLATE, _NO_SLATE)
        kinds[~known] = _UNKNOWN
        kinds[~columns.of_users(rows)] = -1
        return _Priced(kinds, np.where(known, np.rint(cost), 0.0))

    def merge(self, other: CostTally) -> None:
        self.sums.merge(other.sums)

    def forget(self, before_s: float, after_s: float) -> None:
        self.sums.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return self.sums.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.sums.restore(arrays)


def _arms(rows: BatchView) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    arm = rows.labels("arm")
    return arm.names, arm.codes


_LABELLED: Mapping[str, Callable[[BatchView], tuple[tuple[str, ...], NDArray[np.int64]]]] = {
    "arm": _arms,
    "route": columns.routes,
    "model_version": columns.versions,
}


class CostReader(Reader):
    def families(self, tally: CostTally) -> tuple[Family, ...]:
        values: dict[str, list[str]] = {label: [] for label in SPECS}
        for series in tally.sums.names():
            label, _, value = series.partition(":")
            if label in values:  # what is beyond the limit mixes all labels
                values[label].append(value)
        return tuple(Family((s,), label, tuple(values[label])) for label, s in SPECS.items())

    def reading(self, key: SignalKey, tally: CostTally, tick: TickView) -> Reading:
        label, window = _LABEL_OF[key.name], tick.window(key.window_s)
        counts = tally.sums.window(f"{label}:{key.labels[0][1]}", *window).tolist()
        slates, failed, unknown, picos = counts
        spec, known = SPECS[label], slates + failed
        idle = "" if known + unknown else "no traffic"
        # Where less than half is known, what the rest costs is anybody's guess.
        is_told = slates > 0 and known >= unknown
        cost = 1_000.0 * picos * PICO / slates if is_told else None
        return tick.reading(spec, (SERVED,), window, cost, known, idle)


MONITOR = Monitor(
    "cost",
    (SERVED,),
    tuple(SPECS.values()),
    lambda settings: CostTally(settings.prices),
    lambda _settings: CostReader(),
    every_s=STEP_S,
)

"""How old features were when they were used, and how often a default stood in for them.

Age is request time minus event time as served, not since the pipeline last ran. A group counts as
used by a request that says its age or that it was defaulted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.batch_view import BatchView
from controller.monitors.latency import least_sample_of
from controller.monitors.monitor import Arrays, Monitor, label
from controller.monitors.nesting import nested, unnested
from controller.monitors.slots import Slots
from controller.monitors.tick import SYSTEM_WINDOW_S, TickView
from controller.settings import Settings
from controller.statistics.log_histogram import LogBuckets
from controller.telemetry.schema import SERVED

AGE_S = LogBuckets(least=0.01, maximum=30 * 86_400.0)
AGE = SignalSpec(
    "feature_age_s.p95",
    "s",
    ("feature_group",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "p95 of the age of the group's features as they were used",
    maximum=AGE_S.maximum,
)
DEFAULT_RATE = SignalSpec(
    "default_rate",
    "share",
    ("feature_group",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "Share of requests that wanted the group and got a default",
)
SPECS = (AGE, DEFAULT_RATE)
_FRESH, _DEFAULTED = 0, 1


class FeatureTally:
    def __init__(self, groups: Sequence[str]) -> None:
        self.ages = Slots(AGE_S.size, first=groups)
        self.uses = Slots(2, first=groups)

    def update(self, rows: BatchView) -> None:
        seconds = rows.seconds("done_at_s")
        counted = rows.labels("role").equal("user", "probe")
        ages = rows.nested("feature_ages")
        group, age_s = ages.labels("group"), ages.numbers("age_s")
        known = counted[ages.rows] & (group.codes >= 0) & ~np.isnan(age_s)
        at, places = seconds[ages.rows[known]], AGE_S.index(age_s[known])
        self.ages.add(group.names, group.codes[known], at, places)

        defaulted_rows, name = rows.listed("defaulted")
        defaulted = counted[defaulted_rows] & (name.codes >= 0)
        missing_rows, missing = defaulted_rows[defaulted], name.codes[defaulted]
        names = (*group.names, *name.names)
        missing_at = seconds[missing_rows]
        self.uses.add(
            names, missing + len(group.names), missing_at, np.full(missing.size, _DEFAULTED)
        )
        replaced = {
            (row, name.names[code])
            for row, code in zip(missing_rows.tolist(), missing.tolist(), strict=True)
        }
        used = known.copy()
        if replaced:
            for place in np.flatnonzero(known).tolist():
                if (int(ages.rows[place]), group.names[group.codes[place]]) in replaced:
                    used[place] = False
        fresh = group.codes[used]
        self.uses.add(names, fresh, seconds[ages.rows[used]], np.full(fresh.size, _FRESH))

    def merge(self, other: FeatureTally) -> None:
        self.ages.merge(other.ages)
        self.uses.merge(other.uses)

    def forget(self, before_s: float, after_s: float) -> None:
        self.ages.forget(before_s, after_s)
        self.uses.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return nested(ages=self.ages.snapshot(), uses=self.uses.snapshot())

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.ages.restore(unnested(arrays, "ages"))
        self.uses.restore(unnested(arrays, "uses"))


class FeatureReader:
    def read(self, tally: FeatureTally, tick: TickView) -> Iterator[tuple[SignalKey, Reading]]:
        idle = "no request used the group"
        for group in tick.series(SPECS, "feature_group", tally.uses.names()):
            for key in tick.keys(AGE, label("feature_group", group)):
                window = tick.window(key.window_s)
                counts = tally.ages.window(group, *window)
                value, total = AGE_S.quantile(counts, 0.95), int(counts.sum())
                yield key, tick.reading(AGE, (SERVED,), window, value, total, idle)
            for key in tick.keys(DEFAULT_RATE, label("feature_group", group)):
                window = tick.window(key.window_s)
                fresh, defaulted = tally.uses.window(group, *window).tolist()
                total = fresh + defaulted
                value = defaulted / total if total else None
                yield key, tick.reading(DEFAULT_RATE, (SERVED,), window, value, total, idle)


def _tally(settings: Settings) -> FeatureTally:
    return FeatureTally(settings.feature_groups)


MONITOR = Monitor("features", (SERVED,), SPECS, _tally, lambda _settings: FeatureReader())

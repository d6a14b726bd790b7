"""How old features were when they were used, and how often a default stood in for them.

Age is request time minus event time as served, not since the pipeline last ran. A group counts as
used by a request that says its age or that it was defaulted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system.latency import least_sample_of
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
        self.ages.count(rows.events("features.ages", _ages, "done_at_s"))
        self.uses.count(rows.events("features.defaulted", _defaulted, "done_at_s"))
        self.uses.count(rows.events("features.fresh", _fresh, "done_at_s"))

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


def _ages(rows: BatchView) -> RowEvents:
    """The age of each group at each use that says one."""
    ages = rows.nested("feature_ages")
    group, age_s = ages.labels("group"), ages.numbers("age_s")
    known = rows.labels("role").equal("user", "probe")[ages.rows]
    known = known & (group.codes >= 0) & ~np.isnan(age_s)
    seconds = rows.seconds("done_at_s")[ages.rows]
    return RowEvents.of(
        rows.row_count,
        group.names,
        known,
        ages.rows,
        group.codes,
        seconds,
        AGE_S.index(age_s),
    )


def _defaulted(rows: BatchView) -> RowEvents:
    """Each group that a default stood in for."""
    at, name = rows.listed("defaulted")
    kept = rows.labels("role").equal("user", "probe")[at] & (name.codes >= 0)
    cells = np.full(name.codes.size, _DEFAULTED)
    return RowEvents.of(
        rows.row_count,
        name.names,
        kept,
        at,
        name.codes,
        rows.seconds("done_at_s")[at],
        cells,
    )


def _fresh(rows: BatchView) -> RowEvents:
    """Each use that says an age, unless the same request got a default."""
    used: RowEvents = rows.made("features.ages", _ages)
    missing: RowEvents = rows.made("features.defaulted", _defaulted)
    # By name: the two columns have codes of their own.
    places = {name: place for place, name in enumerate({*used.names, *missing.names})}
    own = np.array([places[name] for name in used.names], np.int64)
    theirs = np.array([places[name] for name in missing.names], np.int64)
    replaced = missing.rows * len(places) + theirs[missing.codes]
    kept = ~np.isin(used.rows * len(places) + own[used.codes], replaced)
    cells = np.full(used.codes.size, _FRESH)
    return RowEvents.of(
        rows.row_count,
        used.names,
        kept,
        used.rows,
        used.codes,
        used.seconds,
        cells,
    )


class FeatureReader(Reader):
    def families(self, tally: FeatureTally) -> tuple[Family, ...]:
        return (Family(SPECS, "feature_group", tuple(tally.uses.names())),)

    def reading(self, key: SignalKey, tally: FeatureTally, tick: TickView) -> Reading:
        group, window = key.labels[0][1], tick.window(key.window_s)
        idle = "no request used the group"
        if key.name == AGE.name:
            counts = tally.ages.window(group, *window)
            value, total = AGE_S.quantile(counts, 0.95), int(counts.sum())
            return tick.reading(AGE, (SERVED,), window, value, total, idle)
        fresh, defaulted = tally.uses.window(group, *window).tolist()
        total = fresh + defaulted
        value = defaulted / total if total else None
        return tick.reading(DEFAULT_RATE, (SERVED,), window, value, total, idle)


def _tally(settings: Settings) -> FeatureTally:
    return FeatureTally(settings.feature_groups)


MONITOR = Monitor("features", (SERVED,), SPECS, _tally, lambda _settings: FeatureReader())

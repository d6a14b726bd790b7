"""How old features were when they were used, how often a default stood in, or nothing was found.

Age is request time minus event time as served, not since the pipeline last ran. A group counts as
used by a request that says its age, that it was defaulted, or that it held nothing of this user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView, Labelled, Mask
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.slots import MOST_SERIES, OVERFLOW, Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.system.latency import least_sample_of
from controller.monitors.tick import SYSTEM_WINDOW_S, TickView
from controller.settings import Settings
from controller.statistics.log_histogram import LogBuckets
from controller.telemetry.schema import SERVED

AGE_S = LogBuckets(least=0.1, maximum=30 * 86_400.0, relative_error=0.02)
"""Ages are judged against limits of seconds to days; finer buckets would only cost memory."""
AGE = SignalSpec(
    "feature_age_s.p95",
    "s",
    ("feature_group",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "p95 of the age of the group's features as they were used",
    maximum=AGE_S.maximum,
    harm="high",
)
DEFAULT_RATE = SignalSpec(
    "default_rate",
    "share",
    ("feature_group",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "Share of requests that wanted the group and got a default",
    harm="high",
)
NOT_FOUND_RATE = SignalSpec(
    "not_found_rate",
    "share",
    ("feature_group",),
    least_sample_of(0.95),
    SYSTEM_WINDOW_S,
    "Share of requests that wanted the group and for whom the store, read well, holds nothing",
    harm="high",
)
SPECS = (AGE, DEFAULT_RATE, NOT_FOUND_RATE)
_AGED, _DEFAULTED, _NOT_FOUND = 1, 2, 4
_PATTERN = np.arange(8)
"""What a request says of a group is one number, so that each use is counted once."""
_HAVING = ((_PATTERN[:, np.newaxis] & _PATTERN) == _PATTERN).astype(np.int64)
"""[said, wanted]: 1 where all that is wanted was said; wanted 0 is every use."""
_RATES = {
    DEFAULT_RATE.name: (DEFAULT_RATE, _DEFAULTED),
    NOT_FOUND_RATE.name: (NOT_FOUND_RATE, _NOT_FOUND),
}


class FeatureTally:
    def __init__(self, groups: Sequence[str]) -> None:
        self.ages = Slots(AGE_S.size, first=groups)
        self.uses = Slots(_PATTERN.size, first=groups)

    def update(self, rows: BatchView) -> None:
        self.ages.count(rows.events("features.ages", _ages, "done_at_s"))
        self.uses.count(rows.events("features.uses", _uses, "done_at_s"))

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


class Ages(NamedTuple):
    """The groups a slab's rows say the age of, where they say one and their role counts."""

    rows: NDArray[np.int64]
    group: Labelled
    age_s: NDArray[np.float64]
    known: NDArray[np.bool_]


def said_ages(rows: BatchView) -> Ages:
    """The ages of a slab's rows, read once."""
    found: Ages = rows.made("features.said", _said)
    return found


def _said(rows: BatchView) -> Ages:
    ages = rows.nested("feature_ages")
    group, age_s = ages.labels("group"), ages.numbers("age_s")
    known = _counted(rows).take(ages.rows) & (group.codes >= 0) & (age_s == age_s)
    return Ages(ages.rows, group, age_s, known)


def _counted(rows: BatchView) -> Mask:
    return (columns.roles(rows) & (columns.USER | columns.PROBE)) > 0


def _ages(rows: BatchView) -> RowEvents:
    """The age of each group at each use that says one."""
    said = said_ages(rows)
    return RowEvents.of(
        rows.row_count,
        said.group.names,
        said.known,
        said.rows,
        said.group.codes,
        columns.done_s(rows).take(said.rows),
        AGE_S.index(said.age_s),
    )


def _uses(rows: BatchView) -> RowEvents:
    """Each use of a group by a request, however many of the columns name it."""
    said = said_ages(rows)
    named = [(_AGED, said.rows[said.known], said.group, said.group.codes[said.known])]
    for flag, listed in ((_DEFAULTED, "defaulted"), (_NOT_FOUND, "not_found")):
        at, group = rows.listed(listed)
        if at.size:
            kept = _counted(rows)[at] & (group.codes >= 0)
            named.append((flag, at[kept], group, group.codes[kept]))
    # By name, since each column has codes of its own; never more places than there are series.
    every = dict.fromkeys(name for _, _, column, _ in named for name in column.names)
    names = tuple(every) if len(every) <= MOST_SERIES else (*list(every)[:MOST_SERIES], OVERFLOW)
    places = {name: place for place, name in enumerate(names)}
    flags = np.zeros(rows.row_count * len(names), dtype=np.int8)
    for flag, at, column, codes in named:
        if codes.size:
            own = np.array([places.get(name, len(names) - 1) for name in column.names], np.int64)
            flags[at * len(names) + own[codes]] |= flag
    used = np.flatnonzero(flags)
    at = used // max(1, len(names))
    return RowEvents.of(
        rows.row_count,
        names,
        np.ones(used.size, dtype=np.bool_),
        at,
        used - at * len(names),
        columns.done_s(rows)[at],
        flags[used].astype(np.int64),
    )


class FeatureReader(Reader):
    def families(self, tally: FeatureTally) -> tuple[Family, ...]:
        return (Family(SPECS, "feature_group", tuple(tally.uses.names())),)

    def reading(self, key: SignalKey, tally: FeatureTally, tick: TickView) -> Reading:
        group, window = key.labels[0][1], tick.window(key.window_s)
        idle = "no request used the group"
        if key.name == AGE.name:
            upto = tally.ages.window(group, *window).cumsum()
            value = AGE_S.quantile_of(upto, 0.95)
            return tick.reading(AGE, (SERVED,), window, value, upto.item(-1), idle)
        spec, flag = _RATES[key.name]
        counts = tick.once(
            (self, group, window), lambda: (tally.uses.window(group, *window) @ _HAVING).tolist()
        )
        total = counts[0]
        value = counts[flag] / total if total else None
        return tick.reading(spec, (SERVED,), window, value, total, idle)


def _tally(settings: Settings) -> FeatureTally:
    return FeatureTally(settings.feature_groups)


MONITOR = Monitor("features", (SERVED,), SPECS, _tally, lambda _settings: FeatureReader())

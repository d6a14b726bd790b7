"""How each topic is doing: silence, lag, gaps, broken and late events.

Silence is an ordinary reading. Lag is the age of what is being read now, so that a backlog shows,
while a topic on which nothing happens has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.nesting import text_array
from controller.monitors.counting.running_count import RunningCount
from controller.monitors.monitor import Arrays, Family, Reader
from controller.monitors.tick import SourceHealth, TickView
from controller.telemetry.schema import (
    FEATURE,
    MODEL,
    OUTCOME,
    REPLICA,
    SERVED,
    TALLY_TOPICS,
)

EVENT_TIME = {
    SERVED: "done_at_s",
    OUTCOME: "received_at_s",
    REPLICA: "at_s",
    FEATURE: "at_s",
    MODEL: "at_s",
}
"""When an event came about at its source; the rows of a batch must have it."""
LIVE_TICKS = 2
WORKER_GRACE_S = 1.0
"""A worker publishes each second, just before the tick is read; missing two is being behind."""
COUNT_WINDOW_S = 60.0
LABELS = ("topic",)
SILENT = SignalSpec(
    "source.silent_s", "s", LABELS, 0, 0.0, "Time since the newest event of the topic"
)
LAG = SignalSpec(
    "source.lag_s", "s", LABELS, 0, 0.0, "Age of the newest event among those read at this tick"
)
GAPS = SignalSpec(
    "source.gaps", "count", LABELS, 0, COUNT_WINDOW_S, "Batches found missing, less those found"
)
BROKEN = SignalSpec(
    "source.broken",
    "count",
    LABELS,
    0,
    COUNT_WINDOW_S,
    "Messages nobody could read, and rows from the future or without a time",
)
LATE = SignalSpec(
    "source.late", "count", LABELS, 0, COUNT_WINDOW_S, "Events that came after their window closed"
)
SPECS = (SILENT, LAG, GAPS, BROKEN, LATE)


def short_name(topic: str) -> str:
    """``served`` for ``selfright.served``."""
    return topic.rpartition(".")[2]


_TOPICS = {short_name(topic): topic for topic in TALLY_TOPICS}
_FAMILIES = (Family(SPECS, "topic", tuple(_TOPICS), is_open=False),)
_COUNTED = {GAPS.name: (GAPS, "gaps"), BROKEN.name: (BROKEN, "broken"), LATE.name: (LATE, "late")}


class SourceTally:
    """The newest event time and the number of batches per (topic, partition)."""

    def __init__(self) -> None:
        self.newest_s: dict[tuple[str, int], float] = {}
        self.batches: dict[tuple[str, int], int] = {}

    def update(self, rows: BatchView) -> None:
        place = (rows.topic, rows.partition)
        self.batches[place] = self.batches.get(place, 0) + 1
        if rows.row_count:
            newest_s = rows.span(EVENT_TIME[rows.topic])[1]
            self.newest_s[place] = max(newest_s, self.newest_s.get(place, newest_s))

    def merge(self, other: SourceTally) -> None:
        for place, count in other.batches.items():
            self.batches[place] = self.batches.get(place, 0) + count
        for place, at_s in other.newest_s.items():
            self.newest_s[place] = max(at_s, self.newest_s.get(place, at_s))

    def forget(self, before_s: float, after_s: float) -> None:  # noqa: ARG002
        """Bounded by the number of partitions; only the future is corrected."""
        if max(self.newest_s.values(), default=after_s) > after_s:
            self.newest_s = {place: min(at_s, after_s) for place, at_s in self.newest_s.items()}

    def snapshot(self) -> Arrays:
        places = list(self.batches)
        newest = [self.newest_s.get(place, -np.inf) for place in places]
        return {
            "topics": text_array([topic for topic, _ in places]),
            "partitions": np.array([number for _, number in places], dtype=np.int64),
            "batches": np.array([self.batches[place] for place in places], dtype=np.int64),
            "newest": np.array(newest, dtype=np.float64),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        topics, partitions = arrays["topics"].tolist(), arrays["partitions"].tolist()
        places = list(zip(topics, partitions, strict=True))
        self.batches = dict(zip(places, arrays["batches"].tolist(), strict=True))
        newest = zip(places, arrays["newest"].tolist(), strict=True)
        self.newest_s = {place: at_s for place, at_s in newest if at_s > -np.inf}


class SourceReader(Reader):
    """Knows which partitions brought something since the last tick. Fed before other readers."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], int] = {}
        self._quiet_ticks: dict[tuple[str, int], int] = {}
        self._counts: dict[str, dict[str, RunningCount]] = {}
        self._totals: dict[str, dict[str, int]] = {}

    def health(
        self,
        tally: SourceTally,
        at_s: float,
        started_s: float,
        through_s: Mapping[tuple[str, int], float] | None = None,
    ) -> dict[str, SourceHealth]:
        """Look at what came since the last tick.

        ``through_s``: where other processes count, up to when each partition was counted.
        """
        for place, count in tally.batches.items():
            came = count != self._seen.get(place)
            self._quiet_ticks[place] = 0 if came else self._quiet_ticks.get(place, 0) + 1
        self._seen = dict(tally.batches)
        late = {
            place: at_s - counted_s
            for place, counted_s in (through_s or {}).items()
            if at_s - counted_s > WORKER_GRACE_S
        }
        return {topic: self._of(topic, tally, at_s, started_s, late) for topic in TALLY_TOPICS}

    def _of(
        self,
        topic: str,
        tally: SourceTally,
        at_s: float,
        started_s: float,
        late: Mapping[tuple[str, int], float],
    ) -> SourceHealth:
        newest = {p: s for p, s in tally.newest_s.items() if p[0] == topic}
        coming = [s for p, s in newest.items() if self._quiet_ticks[p] == 0]
        live = [s for p, s in newest.items() if self._quiet_ticks[p] < LIVE_TICKS]
        # What nobody counts now may still come: nothing matures without it.
        live += [s for p, s in newest.items() if p in late]
        last_s = max(newest.values(), default=started_s)
        missing = {number: for_s for (name, number), for_s in late.items() if name == topic}
        longest = max(missing, key=missing.__getitem__, default=0)
        waited_s = missing.get(longest, 0.0)
        behind = f"no tallies of {short_name(topic)}/{longest} for {waited_s:.0f}s"
        return SourceHealth(
            behind=behind if missing else "",
            lag_s=max(0.0, *(at_s - s for s in coming), *missing.values(), 0.0),
            silent_s=max(0.0, at_s - last_s),
            heard=bool(newest),
            watermark_s=min([at_s, *live]),
        )

    def count(self, name: str, totals: Mapping[str, int], at_s: float) -> None:
        """Note the totals by topic of one counted thing: ``gaps``, ``broken`` or ``late``."""
        before = self._totals.get(name)
        if before == totals:
            return
        counts = self._counts.setdefault(name, {topic: RunningCount() for topic in TALLY_TOPICS})
        for topic in TALLY_TOPICS:
            grown = totals.get(topic, 0) - (before or {}).get(topic, 0)
            counts[topic].add(at_s, grown)
        self._totals[name] = dict(totals)

    def forget_before(self, name: str, totals: Mapping[str, int]) -> None:
        """Totals that were restored are nothing new."""
        self._totals[name] = dict(totals)

    def advance(self, tally: SourceTally, tick: TickView) -> None:
        """What a tick teaches it learns from ``health`` and ``count``."""

    def families(self, tally: SourceTally) -> tuple[Family, ...]:  # noqa: ARG002
        return _FAMILIES

    def reading(self, key: SignalKey, tally: SourceTally, tick: TickView) -> Reading:  # noqa: ARG002
        topic, now = _TOPICS[key.labels[0][1]], (tick.at_s, tick.at_s)
        if key.name == SILENT.name:
            return tick.plain(SILENT, now, tick.sources[topic].silent_s)
        if key.name == LAG.name:
            return tick.plain(LAG, now, tick.sources[topic].lag_s)
        spec, name = _COUNTED[key.name]
        window = (tick.at_s - key.window_s, tick.at_s)
        return tick.plain(spec, window, self._counts[name][topic].within(*window))

"""All monitors as one thing the shell talks to: batches in, readings out, once per tick.

To add a monitor, write its file and add its line to `MONITORS`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Catalogue, Labels, SignalKey
from controller.monitors import (
    adoption,
    arms,
    cache,
    clicks,
    drift,
    features,
    queues,
    sources,
    users,
)
from controller.monitors.admission import FUTURE_LIMIT_S, admit_rows
from controller.monitors.array_file import pack, unpack
from controller.monitors.batch_view import BatchView
from controller.monitors.lazy_readings import LazyReadings, ReadPart
from controller.monitors.monitor import Monitor
from controller.monitors.nesting import nested, unnested
from controller.monitors.tick import LONGEST_WINDOW_S, TickView
from controller.settings import Settings
from controller.telemetry.batches import TelemetryBatch
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import OUTCOME, REPLICA, SERVED, TALLY_TOPICS

MONITORS: tuple[Monitor, ...] = (
    users.MONITOR,
    arms.MONITOR,
    queues.MONITOR,
    cache.MONITOR,
    features.MONITOR,
    clicks.MONITOR,
    drift.MONITOR,
    adoption.MONITOR,
)
SLACK_S = 60.0
"""How much longer than the longest window counts are kept, for readers that lag behind."""
SNAPSHOT_FORMAT = 1


def catalogue_of(settings: Settings) -> Catalogue:  # noqa: ARG001
    """Every signal of this service; lint, docs and metrics need no running system for it."""
    return Catalogue.of([*(s for m in MONITORS for s in m.specs), *sources.SPECS])


class MonitorSet:
    """Feed it every batch of the tally topics, then read it once per tick, in order of time.

    It drops batches it has seen, so a bus may deliver at least once.
    """

    def __init__(self, settings: Settings) -> None:
        self.catalogue = catalogue_of(settings)
        self._settings = settings
        self._tallies = {m.name: m.tally(settings) for m in MONITORS}
        self._extra_s = {m.name: m.extra_horizon_s(settings) for m in MONITORS}
        self._of_topic = {
            topic: tuple(self._tallies[m.name] for m in MONITORS if topic in m.topics)
            for topic in TALLY_TOPICS
        }
        self._sources, self._source_reader = sources.SourceTally(), sources.SourceReader()
        self._parts = (
            ReadPart(sources.SPECS, self._source_reader, self._sources),
            *(ReadPart(m.specs, m.reader(settings), self._tallies[m.name]) for m in MONITORS),
        )
        self._place_of = {name: at for at, p in enumerate(self._parts) for name in p.names}
        self._age = 0
        """Grows with every change, so that readings of an earlier time are known as such."""
        self._ledger = Ledger()
        self._broken = dict.fromkeys(TALLY_TOPICS, 0)
        self._late = dict.fromkeys(TALLY_TOPICS, 0)
        self._wanted: dict[str, dict[Labels, frozenset[float]]] = {}
        self._longest_s = max(spec.default_window_s for spec in self.catalogue.specs.values())
        self._read_at_s: float | None = None
        self._started_s: float | None = None
        for name in ("gaps", "broken", "late"):
            self._source_reader.count(name, {}, 0.0)

    def update(self, batch: TelemetryBatch, now_s: float | None = None) -> int:
        """Count a batch; the number of rows refused: without a time, or from the future.

        ``now_s`` is the caller's time. Without it the future is judged at the next ``read``.
        Batches of other services, of other topics, or seen before change nothing.
        """
        if batch.topic not in TALLY_TOPICS or not self._is_ours(batch):
            return 0
        if not self._ledger.admit(batch):
            return 0
        self._age += 1
        view = BatchView(batch.topic, batch.partition, batch.part or batch.batch)
        view, refused = admit_rows(view, sources.EVENT_TIME[batch.topic], now_s)
        self._broken[batch.topic] += refused
        self._late[batch.topic] += self._count_late(view)
        self._sources.update(view)
        if view.row_count:
            for tally in self._of_topic[batch.topic]:
                tally.update(view)
        return refused

    def _is_ours(self, batch: TelemetryBatch) -> bool:
        return batch.service in ("", self._settings.service)

    def _count_late(self, view: BatchView) -> int:
        """Events whose window was read before they came; they still count in later windows."""
        if self._read_at_s is None or not view.row_count:
            return 0
        closed_s = math.floor(self._read_at_s)
        if view.topic == SERVED:
            return view.count_below("done_at_s", closed_s)
        if view.topic == OUTCOME:
            return view.count_below("served_at_s", closed_s - self._settings.attribution_window_s)
        return 0

    def note_broken(self, topic: str) -> None:
        """A message of this topic could not be read."""
        if topic in self._broken:
            self._broken[topic] += 1

    def want(self, keys: Iterable[SignalKey]) -> None:
        """Also read these windows from now on, instead of those wanted before.

        A label value such as ``$feature_group`` stands for every series. Signals that are not in
        the catalogue are somebody else's. Raise ValueError on a window nobody keeps.
        """
        wanted: dict[str, dict[Labels, frozenset[float]]] = {}
        for key in keys:
            if key.window_s > LONGEST_WINDOW_S:
                raise ValueError(f"{key}: windows are at most {LONGEST_WINDOW_S:.0f}s")
            spec = self.catalogue.specs.get(key.name)
            if spec is None:
                continue
            windows = {key.window_s} if key.window_s and spec.default_window_s else set()
            series = wanted.setdefault(key.name, {})
            series[key.labels] = series.get(key.labels, frozenset()) | windows
        self._wanted = wanted
        defaults = (spec.default_window_s for spec in self.catalogue.specs.values())
        asked = (w for series in wanted.values() for windows in series.values() for w in windows)
        self._longest_s = max((*defaults, *asked))

    def read(self, at_s: float, bus_is_up: bool) -> LazyReadings:
        """Readings of the whole catalogue at default windows, and of what is wanted.

        Call it with ascending times, half a second after ``at_s``, so that batches still on their
        way are in. A series is computed when it is asked for, which must be before the next
        ``update`` or ``read``.
        """
        self._age += 1
        self._started_s = at_s if self._started_s is None else self._started_s
        self._forget(at_s)
        tick = TickView(
            at_s=at_s,
            started_s=self._started_s,
            bus_is_up=bus_is_up,
            sources=self._source_reader.health(self._sources, at_s, self._started_s),
            proof_of_life=REPLICA,
        )
        counted = {"gaps": self._ledger.gaps(), "broken": self._broken, "late": self._late}
        for name, totals in counted.items():
            self._source_reader.count(name, totals, at_s)
        for part in self._parts:
            part.reader.advance(part.tally, tick)
        self._read_at_s = at_s
        age = self._age
        return LazyReadings(
            self._parts, self._place_of, tick, self._wanted, lambda: self._age == age
        )

    def _forget(self, at_s: float) -> None:
        before_s = at_s - self._longest_s - SLACK_S
        for name, extra_s in self._extra_s.items():
            self._tallies[name].forget(before_s - extra_s, at_s + FUTURE_LIMIT_S)
        self._sources.forget(at_s, at_s + FUTURE_LIMIT_S)

    def snapshot(self) -> bytes:
        """Everything that was counted, as a compressed table of plain arrays."""
        times = [np.nan if t is None else t for t in (self._read_at_s, self._started_s)]
        own = {
            "format": np.array([SNAPSHOT_FORMAT]),
            "times": np.array(times, dtype=np.float64),
            "broken": np.array([self._broken[t] for t in TALLY_TOPICS], dtype=np.int64),
            "late": np.array([self._late[t] for t in TALLY_TOPICS], dtype=np.int64),
            "ledger": np.frombuffer(self._ledger.snapshot(), dtype=np.uint8),
        }
        parts = {name: tally.snapshot() for name, tally in self._tallies.items()}
        arrays = nested(own=own, sources=self._sources.snapshot(), **parts)
        return pack(arrays)

    def restore(self, data: bytes) -> None:
        """Become what was snapshotted, or raise ValueError and stay as we are."""
        fresh = MonitorSet(self._settings)
        try:
            fresh._fill(unpack(data))
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"not a snapshot of these monitors: {error}") from error
        wanted, longest_s, age = self._wanted, self._longest_s, self._age
        self.__dict__.update(fresh.__dict__)
        self._wanted, self._longest_s, self._age = wanted, longest_s, age + 1

    def _fill(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        own = unnested(arrays, "own")
        if own["format"].tolist() != [SNAPSHOT_FORMAT]:
            raise ValueError(f"format {own['format'].tolist()} is not {SNAPSHOT_FORMAT}")
        times = own["times"].tolist()
        self._read_at_s, self._started_s = (None if t != t else t for t in times)
        self._broken = dict(zip(TALLY_TOPICS, own["broken"].tolist(), strict=True))
        self._late = dict(zip(TALLY_TOPICS, own["late"].tolist(), strict=True))
        self._ledger.restore(own["ledger"].tobytes())
        self._sources.restore(unnested(arrays, "sources"))
        for name, tally in self._tallies.items():
            tally.restore(unnested(arrays, name))
        counted = {"gaps": self._ledger.gaps(), "broken": self._broken, "late": self._late}
        for name, totals in counted.items():
            self._source_reader.forget_before(name, totals)

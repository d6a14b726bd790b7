"""All monitors as one thing the shell talks to: batches in, readings out, once per tick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.causes import Cause, Event, Verdict
from controller.core.readings import Labels, SignalKey, SignalSpec
from controller.monitors import sources
from controller.monitors.causes import segments
from controller.monitors.causes.explain import explain
from controller.monitors.causes.segments import SegmentTally
from controller.monitors.counting.array_file import pack, unpack
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.follower import followed
from controller.monitors.layers import FOLLOWERS, MONITORS, catalogue_of, measured_by
from controller.monitors.lazy_readings import LazyReadings, MadeOfReadings, ReadPart
from controller.monitors.monitor import Arrays
from controller.monitors.tally_set import TallySet
from controller.monitors.tick import LONGEST_WINDOW_S, TickView
from controller.settings import Settings
from controller.telemetry.accepted import Accepted
from controller.telemetry.batches import TelemetryBatch, encode_arrow
from controller.telemetry.schema import MODEL, REPLICA, WORKER_TOPICS
from controller.telemetry.tally_log import NotATallyMessage, TallyMessage

SLACK_S = 60.0
"""How much longer than the longest window counts are kept, for readers that lag behind."""
SNAPSHOT_FORMAT = 2


class MonitorSet:
    """Feed it every batch of the tally topics, then read it once per tick, in order of time.

    It drops batches it has seen, so a bus may deliver at least once.
    """

    def __init__(self, settings: Settings, *, by_workers: bool = False) -> None:
        """``by_workers``: others count served requests and outcomes, see `take_tallies`."""
        self.catalogue = catalogue_of(settings)
        self._settings = settings
        self._by_workers = by_workers
        self._accepted = Accepted(settings.service)
        self._tallies = TallySet(settings)
        self._source_reader = sources.SourceReader()
        own = measured_by(settings)
        self._followers = {kind.name: kind.make(settings, own) for kind in FOLLOWERS}
        self._readers = {m.name: m.reader(settings) for m in MONITORS}
        self._measured = (
            ReadPart(sources.SPECS, self._source_reader, self._tallies.sources),
            *(
                ReadPart(
                    m.every_spec(settings),
                    self._readers[m.name],
                    self._tallies.tally(m.name),
                    m.every_s,
                )
                for m in MONITORS
            ),
        )
        made = (
            ReadPart(kind.specs(settings, own), MadeOfReadings(self._followers[kind.name]), None)
            for kind in FOLLOWERS
        )
        self._parts = (*self._measured, *made)
        self._place_of = {name: at for at, p in enumerate(self._parts) for name in p.names}
        self._age = 0
        """Grows with every change, so that readings of an earlier time are known as such."""
        self._wanted: dict[str, dict[Labels, frozenset[float]]] = {}
        self._horizons_s: dict[str, float] = {}
        self._started_s: float | None = None
        self.want(())
        for name in ("gaps", "broken", "late"):
            self._source_reader.count(name, {}, 0.0)

    def update(self, batch: TelemetryBatch, now_s: float | None = None) -> int:
        """Count a batch, once; the number of rows refused (see `TallySet.update`)."""
        self._age += 1
        return self._tallies.update(batch, now_s)

    def note_broken(self, topic: str) -> None:
        """A message of this topic could not be read."""
        self._tallies.note_broken(topic)

    def take_tallies(self, message: TallyMessage) -> bool:
        """Add what a worker counted, if it counts (see `Accepted`); whether it did.

        Raise NotATallyMessage for one that cannot be read; nothing of it is counted.
        """
        _, delta = self._accepted.take(message)
        if delta is None:
            return False
        self._age += 1
        try:
            self._tallies.merge_counts(unpack(delta.counts))
        except (ValueError, KeyError, IndexError) as error:
            raise NotATallyMessage(f"its counts are not of these monitors: {error}") from error
        return True

    def told_workers(self) -> tuple[dict[str, Any], bytes]:
        """What a worker needs to go on: what was accepted, and the models, as a `model` batch."""
        models = self._tallies.models()
        return self._accepted.document(), b"" if models is None else encode_arrow(MODEL, models)

    def _through_s(self, started_s: float) -> dict[tuple[str, int], float]:
        """Up to when each partition was counted that workers count."""
        if not self._by_workers:
            return {}
        through_s = self._accepted.through_s
        numbers = range(self._settings.partitions)
        return {(t, n): through_s.get(n, started_s) for t in WORKER_TOPICS for n in numbers}

    def want(self, keys: Iterable[SignalKey]) -> None:
        """Also read these windows from now on, instead of those wanted before.

        A label value such as ``$feature_group`` stands for every series. Signals that are not in
        the catalogue are somebody else's. Raise ValueError on a window nobody keeps.
        """
        wanted: dict[str, dict[Labels, frozenset[float]]] = {}
        keys = tuple(keys)
        for key in (*keys, *filter(None, map(followed, keys))):
            if key.window_s > LONGEST_WINDOW_S:
                raise ValueError(f"{key}: windows are at most {LONGEST_WINDOW_S:.0f}s")
            spec = self.catalogue.specs.get(key.name)
            if spec is None:
                continue
            windows = {key.window_s} if key.window_s and spec.default_window_s else set()
            series = wanted.setdefault(key.name, {})
            series[key.labels] = series.get(key.labels, frozenset()) | windows
        self._wanted = wanted
        self._horizons_s = {
            m.name: _longest_s(m.specs, wanted) + SLACK_S + m.extra_horizon_s(self._settings)
            for m in MONITORS
        }
        for follower in self._followers.values():
            follower.follow(keys)

    def read(self, at_s: float, bus_is_up: bool) -> LazyReadings:
        """Readings of the whole catalogue at default windows, and of what is wanted.

        Call it with ascending times, half a second after ``at_s``, so that batches still on their
        way are in. A series is computed when it is asked for, which must be before the next
        ``update`` or ``read``.
        """
        self._age += 1
        self._started_s = at_s if self._started_s is None else self._started_s
        self._tallies.count_gathered(at_s)
        self._tallies.forget(at_s, self._horizons_s)
        tick = TickView(
            at_s=at_s,
            started_s=self._started_s,
            bus_is_up=bus_is_up,
            sources=self._source_reader.health(
                self._tallies.sources, at_s, self._started_s, self._through_s(self._started_s)
            ),
            proof_of_life=REPLICA,
        )
        for name, totals in self._counted().items():
            self._source_reader.count(name, totals, at_s)
        for part in self._measured:
            part.advance(tick)
        self._tallies.closed_s = at_s
        age = self._age
        readings = LazyReadings(
            self._parts, self._place_of, tick, self._wanted, lambda: self._age == age
        )
        for follower in self._followers.values():
            follower.advance(readings, tick)
        for reader in self._readers.values():
            reader.learn(readings, tick)
        return readings

    def explain(
        self, keys: Sequence[SignalKey], at_s: float, events: Sequence[Event]
    ) -> tuple[Verdict, tuple[Cause, ...]]:
        """Why an incident opened whose conditions compare ``keys``, from what was counted.

        ``events`` are what changed and is in no telemetry. Ends the tick, as an ``update`` does.
        """
        self._age += 1
        self._tallies.count_gathered()
        tally: SegmentTally = self._tallies.tally(segments.MONITOR.name)
        return explain(tally, keys, at_s, events)

    def _counted(self) -> dict[str, dict[str, int]]:
        tallies = self._tallies
        gaps = tallies.gaps()
        for (topic, _), count in self._accepted.gaps.items():
            gaps[topic] = gaps.get(topic, 0) + count
        return {"gaps": gaps, "broken": tallies.broken, "late": tallies.late}

    def snapshot(self) -> bytes:
        """Everything that was counted and learnt, as a compressed table of plain arrays."""
        started_s = np.nan if self._started_s is None else self._started_s
        own = {
            "format": np.array([SNAPSHOT_FORMAT]),
            "started_s": np.array([started_s], dtype=np.float64),
            "accepted": np.frombuffer(self._accepted.snapshot(), dtype=np.uint8),
        }
        learnt: dict[str, Arrays] = {n: r.snapshot() for n, r in self._readers.items()}
        followed = {n: follower.snapshot() for n, follower in self._followers.items()}
        return pack(
            nested(
                own=own,
                tallies=self._tallies.snapshot(),
                readers=nested(**learnt),
                followers=nested(**followed),
            )
        )

    def restore(self, data: bytes) -> None:
        """Become what was snapshotted, or raise ValueError and stay as we are."""
        fresh = MonitorSet(self._settings, by_workers=self._by_workers)
        try:
            fresh._fill(unpack(data))
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"not a snapshot of these monitors: {error}") from error
        wanted, horizons_s, age = self._wanted, self._horizons_s, self._age
        self.__dict__.update(fresh.__dict__)
        self._wanted, self._horizons_s, self._age = wanted, horizons_s, age + 1
        self.want(self._wanted_keys())

    def _wanted_keys(self) -> list[SignalKey]:
        return [
            SignalKey(name, labels, window_s)
            for name, series in self._wanted.items()
            for labels, windows in series.items()
            for window_s in windows or {0.0}
        ]

    def _fill(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        own = unnested(arrays, "own")
        if own["format"].tolist() != [SNAPSHOT_FORMAT]:
            raise ValueError(f"format {own['format'].tolist()} is not {SNAPSHOT_FORMAT}")
        started_s = float(own["started_s"][0])
        self._started_s = None if started_s != started_s else started_s
        self._accepted.restore(own["accepted"].tobytes())
        self._tallies.restore(unnested(arrays, "tallies"))
        learnt, followed = unnested(arrays, "readers"), unnested(arrays, "followers")
        for name, reader in self._readers.items():
            reader.restore(unnested(learnt, name))
        for name, follower in self._followers.items():
            follower.restore(unnested(followed, name))
        for name, totals in self._counted().items():
            self._source_reader.forget_before(name, totals)


def _longest_s(
    specs: Iterable[SignalSpec], wanted: Mapping[str, Mapping[Labels, frozenset[float]]]
) -> float:
    """The longest window anybody reads of these signals."""
    specs = tuple(specs)
    defaults = (spec.default_window_s for spec in specs)
    asked = (w for s in specs for windows in wanted.get(s.name, {}).values() for w in windows)
    return max((*defaults, *asked), default=0.0)

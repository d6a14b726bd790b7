"""All tallies as one thing: batches in, each once; counts out, mergeable in any order.

Nothing here judges or waits for a tick, so that it may run in another process than the readers.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from controller.monitors import sources
from controller.monitors.counting.admission import FUTURE_LIMIT_S, admit_rows
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.gathering import Gathering
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.layers import MONITORS
from controller.monitors.monitor import Arrays, Monitor
from controller.settings import Settings
from controller.telemetry.batches import TelemetryBatch
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import MODEL, OUTCOME, REPLICA, SERVED, TALLY_TOPICS

GATHERED = (SERVED, OUTCOME, REPLICA)
"""Topics whose small batches are counted together."""
MOST_ROWS_A_TICK = 1_000
MOST_ROWS_WAITING = 3_000
"""So many rows are counted at once, of which a thousand take 1.4 MB; more gain little."""
MOST_MODELS = 64
SLOW_EVERY_S = 10
"""Ticks at which every reader looks: each monitor's ``every_s`` is 1 or a multiple of this."""


class TallySet:
    """``closed_s``: windows up to here were read, so what comes from before is late."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tallies: dict[str, Any] = {m.name: m.tally(settings) for m in MONITORS}
        slow = [m for m in MONITORS if m.every_s > 1]
        self._slow = _Pool(self._tallies, slow, MOST_ROWS_WAITING)
        quick = [m for m in MONITORS if m.every_s == 1]
        self._quick = _Pool(self._tallies, quick, MOST_ROWS_A_TICK, self._slow)
        self._sources = sources.SourceTally()
        self._ledgers: defaultdict[int, Ledger] = defaultdict(Ledger)
        """By partition, so that each can move to another process."""
        self._models: dict[tuple[str, str], BatchView] = {}
        """The newest row of each arm and status: what counting depends on."""
        self._last_look: float | None = None
        self.broken = dict.fromkeys(TALLY_TOPICS, 0)
        self.late = dict.fromkeys(TALLY_TOPICS, 0)
        self.closed_s: float | None = None

    def update(self, batch: TelemetryBatch, now_s: float | None = None) -> int:
        """Count a batch; the number of rows refused: without a time, or from the future.

        ``now_s`` is the caller's time; without it the future is judged at the next `forget`.
        Batches of other services, of other topics, or seen before change nothing.
        """
        if batch.topic not in TALLY_TOPICS or not self._is_ours(batch):
            return 0
        if not self._ledgers[batch.partition].admit(batch):
            return 0
        view = BatchView(batch.topic, batch.partition, batch.part or batch.batch)
        view, refused = admit_rows(view, sources.EVENT_TIME[batch.topic], now_s)
        self.broken[batch.topic] += refused
        self.late[batch.topic] += self._count_late(view)
        self._sources.update(view)
        if not view.row_count:
            return refused
        if view.topic == MODEL:
            self._keep_models(view)
        self._quick.add(view)
        return refused

    def refer(self, batch: TelemetryBatch) -> None:
        """Learn from a batch of `model` what counting needs, where somebody else counts those."""
        if batch.topic == MODEL and self._is_ours(batch):
            view = BatchView(MODEL, batch.partition, batch.part or batch.batch)
            view, _ = admit_rows(view, sources.EVENT_TIME[MODEL], None)
            if view.row_count:
                self._keep_models(view)
                self._quick.add(view)

    def _keep_models(self, view: BatchView) -> None:
        for row, told in enumerate(view.values_of("arm", "status", "at_s")):
            key = (told["arm"] or "", told["status"] or "")
            held = self._models.get(key)
            is_newer = held is None or told["at_s"] >= held.numbers("at_s")[0]
            if is_newer and (held is not None or len(self._models) < MOST_MODELS):
                self._models[key] = BatchView(MODEL, view.partition, view.batch.slice(row, 1))

    def models(self) -> pa.RecordBatch | None:
        """The newest row of each arm and status of `model`, for others to `refer` to."""
        batches = [view.batch for view in self._models.values()]
        return pa.concat_batches(batches) if batches else None

    def _is_ours(self, batch: TelemetryBatch) -> bool:
        return batch.service in ("", self._settings.service)

    def count_gathered(self, at_s: float | None = None) -> None:
        """Count what waits for more of its like; at a tick, only for those who look at it."""
        self._quick.count()
        look = None if at_s is None else at_s // SLOW_EVERY_S
        if look is None or look != self._last_look:
            self._slow.count()
            self._last_look = look

    def _count_late(self, view: BatchView) -> int:
        """Events whose window was read before they came; they still count in later windows."""
        if self.closed_s is None or not view.row_count:
            return 0
        closed_s = math.floor(self.closed_s)
        if view.topic == SERVED:
            return view.count_below("done_at_s", closed_s)
        if view.topic == OUTCOME:
            return view.count_below("served_at_s", closed_s - self._settings.attribution_window_s)
        return 0

    def note_broken(self, topic: str) -> None:
        """A message of this topic could not be read."""
        if topic in self.broken:
            self.broken[topic] += 1

    def tally(self, name: str) -> Any:
        """One monitor's counts. The same object for ever."""
        return self._tallies[name]

    @property
    def sources(self) -> sources.SourceTally:
        """What came from each topic and partition."""
        return self._sources

    def gaps(self) -> dict[str, int]:
        """Batches known to be missing now, by topic."""
        found = dict.fromkeys(TALLY_TOPICS, 0)
        for ledger in self._ledgers.values():
            for topic, count in ledger.gaps().items():
                found[topic] = found.get(topic, 0) + count
        return found

    def ledger(self, partition: int) -> Ledger:
        """Which batches of one partition were seen."""
        return self._ledgers[partition]

    def successor(self) -> TallySet:
        """One that counted nothing yet, but knows what was seen and what counting depends on."""
        fresh = TallySet(self._settings)
        fresh._ledgers, fresh._models = self._ledgers, self._models
        fresh.closed_s = self.closed_s
        for view in self._models.values():
            fresh._quick.add(view)
        return fresh

    def counts(self) -> Arrays:
        """What was counted, without what was seen: for `merge_counts`."""
        self.count_gathered()
        own: Arrays = {
            "broken": np.array([self.broken[t] for t in TALLY_TOPICS], dtype=np.int64),
            "late": np.array([self.late[t] for t in TALLY_TOPICS], dtype=np.int64),
        }
        parts = {name: tally.snapshot() for name, tally in self._tallies.items()}
        return nested(own=own, sources=self._sources.snapshot(), **parts)

    def merge_counts(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add what another process counted: all or nothing. Raise KeyError or ValueError."""
        parts = _by_part(arrays)
        own, came = parts["own"], sources.SourceTally()
        came.restore(parts["sources"])
        read: dict[str, Any] = {}
        for monitor in MONITORS:
            read[monitor.name] = monitor.tally(self._settings)
            read[monitor.name].restore(parts.get(monitor.name, {}))
        broken, late = (dict(zip(TALLY_TOPICS, own[n], strict=True)) for n in ("broken", "late"))
        for topic in TALLY_TOPICS:
            self.broken[topic] += int(broken[topic])
            self.late[topic] += int(late[topic])
        self._sources.merge(came)
        for name, tally in read.items():
            self._tallies[name].merge(tally)

    def forget(self, at_s: float, horizons_s: Mapping[str, float]) -> None:
        """Drop what is older than each monitor's horizon, and what lies in the future."""
        for name, horizon_s in horizons_s.items():
            self._tallies[name].forget(at_s - horizon_s, at_s + FUTURE_LIMIT_S)
        self._sources.forget(at_s, at_s + FUTURE_LIMIT_S)

    def snapshot(self) -> Arrays:
        """Everything that was counted, and which batches were seen."""
        self.count_gathered()
        closed_s = np.nan if self.closed_s is None else self.closed_s
        own: Arrays = {
            "closed_s": np.array([closed_s], dtype=np.float64),
            "broken": np.array([self.broken[t] for t in TALLY_TOPICS], dtype=np.int64),
            "late": np.array([self.late[t] for t in TALLY_TOPICS], dtype=np.int64),
            "ledgers": np.frombuffer(self._ledgers_text(), dtype=np.uint8),
        }
        parts = {name: tally.snapshot() for name, tally in self._tallies.items()}
        return nested(own=own, sources=self._sources.snapshot(), **parts)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted, when new. Raise KeyError or ValueError."""
        own = unnested(arrays, "own")
        closed_s = float(own["closed_s"][0])
        self.closed_s = None if closed_s != closed_s else closed_s
        self.broken = dict(zip(TALLY_TOPICS, own["broken"].tolist(), strict=True))
        self.late = dict(zip(TALLY_TOPICS, own["late"].tolist(), strict=True))
        for number, text in json.loads(own["ledgers"].tobytes()).items():
            self._ledgers[int(number)].restore(text.encode())
        self._sources.restore(unnested(arrays, "sources"))
        for name, tally in self._tallies.items():
            tally.restore(unnested(arrays, name))

    def _ledgers_text(self) -> bytes:
        found = {str(number): led.snapshot().decode() for number, led in self._ledgers.items()}
        return json.dumps(found).encode()


def _by_part(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Arrays]:
    """All parts of a nested table at once."""
    found: defaultdict[str, Arrays] = defaultdict(dict)
    for name, array in arrays.items():
        part, _, rest = name.partition("/")
        found[part][rest] = array
    return found


class _Pool:
    """Tallies whose readers look equally often, and the rows that wait for them.

    What was counted here is handed to ``then``, joined as it was: joining costs once.
    """

    def __init__(
        self,
        tallies: Mapping[str, Any],
        monitors: Sequence[Monitor],
        most_rows: int,
        then: _Pool | None = None,
    ) -> None:
        self._of_topic = {
            topic: tuple(tallies[m.name] for m in monitors if topic in m.topics)
            for topic in TALLY_TOPICS
        }
        self._waiting = Gathering(most_rows)
        self._then = then

    def add(self, view: BatchView) -> None:
        """Have these rows counted, now or with others."""
        if view.topic not in GATHERED:
            if view.topic == MODEL:  # a reference counts from here on
                self.count()
            self._count(view)
            return
        self._waiting.add(view)
        if self._waiting.is_full:
            self.count()

    def count(self) -> None:
        """Count all that waits."""
        for view in self._waiting.take():
            self._count(view)

    def _count(self, view: BatchView) -> None:
        for tally in self._of_topic[view.topic]:
            tally.update(view)
        if self._then is not None:
            self._then.add(view)

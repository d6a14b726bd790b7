"""One turn of the pipeline: poll, join, and when it is time sync features, write a part, compact.

Wires the pure parts together. Knows the bus, the store and the folder only by their interfaces;
time is an argument.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from controller.ports import BusReader, Message
from controller.telemetry.batches import BrokenBatch, TelemetryBatch, decode
from controller.telemetry.schema import FEATURE, OUTCOME, SERVED
from models.interactions import SCHEMA
from serving.pipeline.feature_faults import FaultFile
from serving.pipeline.feature_sync import FeatureSync, Written
from serving.pipeline.joiner import GRACE_S, Click
from serving.pipeline.parts import Parts
from serving.pipeline.producer import RowProducer
from serving.pipeline.snapshot import Memory, save
from serving.pipeline.watermark import Watermark

LOG = logging.getLogger(__name__)

POLL_S = 0.2
POLL_MESSAGES = 500
SYNC_EVERY_S = 1.0
PART_EVERY_S = 30.0
COMPACT_EVERY_S = 300.0
_EVENT_TIME = {SERVED: "done_at_s", OUTCOME: "received_at_s"}


@dataclass(frozen=True, slots=True)
class Timing:
    """``window_s`` is W; ``retention_s`` of the interactions."""

    window_s: float
    retention_s: float
    part_every_s: float = PART_EVERY_S


class Pipeline:
    """Call `turn` until told to stop, then `stop`. Counts are in ``counts``."""

    def __init__(
        self,
        *,
        bus: BusReader,
        memory: Memory,
        parts: Parts,
        sync: FeatureSync,
        producer: RowProducer,
        faults: FaultFile,
        snapshot_path: Path,
        timing: Timing,
        now_s: float,
    ) -> None:
        self._bus = bus
        self._memory = memory
        self._parts = parts
        self._sync = sync
        self._producer = producer
        self._faults = faults
        self._snapshot_path = snapshot_path
        self._timing = timing
        self._watermark = Watermark(list(bus.positions()), now_s)
        self._watermark.restore(memory.watermark_s)
        self._was_up = bus.is_up()
        self._unwritten: list[pa.Table] = []
        self._next_sync_s = now_s
        self._next_part_s = now_s + timing.part_every_s
        self._next_compact_s = now_s + timing.part_every_s
        self.counts: Counter[str] = Counter()

    def turn(self, now_s: float, poll_s: float = POLL_S) -> None:
        """One turn, at most about ``poll_s`` long when there is nothing to read."""
        for message in self._bus.poll(poll_s, POLL_MESSAGES):
            self._take(message, now_s)
        self._follow_the_bus(now_s)
        if now_s >= self._next_sync_s:
            self._next_sync_s = now_s + SYNC_EVERY_S
            self._sync_features(now_s)
        if now_s >= self._next_part_s:
            self._next_part_s = now_s + self._timing.part_every_s
            saved = self._write_part()
            if saved and now_s >= self._next_compact_s:
                self._next_compact_s = now_s + COMPACT_EVERY_S
                self._tidy(now_s)
            LOG.info("%s", self.report())

    def stop(self) -> None:
        """Write what is ready and remember the rest."""
        self._write_part()

    def lag_s(self, now_s: float) -> float:
        """How old the newest time is up to which everything was read."""
        return now_s - self._watermark.value_s

    def report(self) -> str:
        """All counts in one line."""
        joiner = self._memory.joiner
        total = self.counts + joiner.counts + self._sync.counts
        total["pending"] = len(joiner.pending)
        return " ".join(f"{name}={count}" for name, count in sorted(total.items()))

    def _take(self, message: Message, now_s: float) -> None:
        batch = decode(message)
        if isinstance(batch, BrokenBatch):
            self.counts["broken_batches"] += 1
            LOG.warning("%s: %s", batch.place, batch.reason)
            return
        if not self._memory.ledger.admit(batch):
            self.counts["duplicate_batches"] += 1
            return
        self._memory.features.add(self._join(batch))
        column = batch.batch[_EVENT_TIME[batch.topic]]
        event_s = pc.max(column).as_py()
        if event_s is not None:
            self._watermark.observe((batch.topic, batch.partition), event_s, now_s)

    def _join(self, batch: TelemetryBatch) -> Sequence[Click]:
        if batch.topic == SERVED:
            slates = pc.list_flatten(batch.batch["slate"])
            names = pc.unique(pc.struct_field(slates, "item_id")).to_pylist()
            self._memory.features.learn_items(name for name in names if name is not None)
            return self._memory.joiner.add_served(batch.batch)
        return self._memory.joiner.add_outcomes(batch.batch)

    def _follow_the_bus(self, now_s: float) -> None:
        is_up = self._bus.is_up()
        if is_up and not self._was_up:
            self.counts["bus_returns"] += 1
            self._watermark.resume(now_s)
        if is_up:
            self._watermark.advance(now_s)
        self._was_up = is_up

    def _sync_features(self, now_s: float) -> None:
        complete_to_s = self._watermark.value_s
        if complete_to_s <= 0.0:
            return  # nothing is known yet, so nothing may be called complete
        written = self._sync.sync(now_s, complete_to_s, self._faults.read())
        if written is not None:
            self._producer.send(FEATURE, _feature_rows(written, now_s))

    def _write_part(self) -> bool:
        """Part first, snapshot second: see `serving.pipeline.parts`. False: the disk refused."""
        memory = self._memory
        self._unwritten.append(memory.joiner.mature(self._watermark.value_s))
        rows = pa.concat_tables(self._unwritten)
        try:
            if len(rows):
                self.counts["parts"] += self._parts.write(rows)
            memory.next_part = self._parts.next_part
            memory.watermark_s = self._watermark.value_s
            memory.positions = self._bus.positions()
            # Written above, so the snapshot needs no rows; a failure here keeps the old one, and
            # the parts beyond it are removed at the next start.
            self._unwritten = [SCHEMA.empty_table()]
            save(self._snapshot_path, memory)
        except OSError as error:
            self.counts["disk_failures"] += 1
            LOG.error("interactions: %s; the rows are kept in memory", error)
            return False
        return True

    def _tidy(self, now_s: float) -> None:
        try:
            settled_s = self._timing.window_s + GRACE_S + 2 * self._timing.part_every_s
            self.counts["hours_compacted"] += self._parts.compact(now_s, settled_s)
            self.counts["files_removed"] += self._parts.retain(now_s, self._timing.retention_s)
        except OSError as error:
            self.counts["disk_failures"] += 1
            LOG.error("interactions: %s; compaction is tried again", error)


def _feature_rows(written: Written, now_s: float) -> list[dict[str, object]]:
    return [
        {
            "at_s": now_s,
            "group": group,
            "event_at_s": written.event_at_s,
            "written_at_s": now_s,
            "rows": count,
        }
        for group, count in written.rows.items()
    ]

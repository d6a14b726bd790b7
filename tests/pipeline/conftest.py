"""A world in memory: a bus, a feature store, and requests with their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.memory_bus import MemoryBus, MemoryBusReader
from controller.errors import Unavailable
from controller.telemetry.batches import encode_arrow, headers_for
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import OUTCOME, SERVED
from serving.features import FeatureWrite
from serving.pipeline.feature_faults import FaultFile
from serving.pipeline.feature_state import FeatureState
from serving.pipeline.feature_sync import FeatureSync
from serving.pipeline.joiner import Joiner
from serving.pipeline.loop import Pipeline, Timing
from serving.pipeline.parts import Parts
from serving.pipeline.producer import RowProducer
from serving.pipeline.snapshot import Memory, load

WINDOW_S = 10.0
START_S = 1_800_000_000.0


class Rows:
    """Builds telemetry rows: request ``number`` of user number % 5 shows three of seven items."""

    def request_id(self, number: int) -> bytes:
        return number.to_bytes(16, "big")

    def items(self, number: int) -> list[str]:
        return [f"i{(number + place) % 7}" for place in range(3)]

    def served(self, number: int, at_s: float, **changes: Any) -> dict[str, Any]:
        return {
            "request_id": self.request_id(number),
            "at_s": at_s,
            "done_at_s": at_s + 0.01,
            "role": "user",
            "bot": False,
            "user_id": number % 5,
            "arm": "primary",
            "served_by": "primary",
            "slate": [
                {"item_id": item, "position": place}
                for place, item in enumerate(self.items(number))
            ],
        } | changes

    def outcome(
        self, number: int, served_at_s: float, clicked: Sequence[int], after_s: float = 1.0
    ) -> dict[str, Any]:
        at_s = served_at_s + after_s
        return {
            "request_id": self.request_id(number),
            "event_id": self.request_id(number * 1_000 + sum(1 << place for place in clicked)),
            "kind": "click",
            "clicked_positions": list(clicked),
            "at_s": at_s,
            "received_at_s": at_s,
            "served_at_s": served_at_s,
        }


class MemoryFeatures:
    """The feature store in memory. Set ``down``, or call ``lose`` to come back empty."""

    def __init__(self) -> None:
        self.down = False
        self.recent: dict[int, list[str]] = {}
        self.item_hour: dict[str, float] = {}
        self.complete_to_s: dict[str, float] = {}
        self._intact = False

    def lose(self) -> None:
        self.recent, self.item_hour, self.complete_to_s = {}, {}, {}
        self._intact = False

    def holds_our_last_write(self) -> bool:
        if self.down:
            raise Unavailable("features: down")
        return self._intact

    def write(self, change: FeatureWrite) -> None:
        if self.down:
            raise Unavailable("features: down")
        self.recent |= {user: list(items) for user, items in change.recent.items()}
        if change.item_hour is not None:
            self.item_hour = dict(change.item_hour)
        self.complete_to_s |= change.complete_to_s
        self._intact = True


class World:
    """One folder, one bus, one feature store; pipelines come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus = MemoryBus()
        self.features = MemoryFeatures()
        self.faults_path = folder / "faults.json"
        self._seq: dict[str, int] = {}
        self._lives = 0

    def send(self, topic: str, rows: Sequence[dict[str, Any]], *, copies: int = 1) -> None:
        seq = self._seq.get(topic, 0)
        self._seq[topic] = seq + 1
        headers = headers_for(producer_id="test", producer_seq=seq, service="s")
        for _ in range(copies):
            sent = self.bus.writer().send(
                topic, encode_arrow(topic, rows), headers=headers, partition=0
            )
            assert sent

    def pipeline(self, now_s: float) -> Pipeline:
        """A new process: what it knows is what the last one left on disk."""
        self._lives += 1
        snapshot_path = self.folder / "snapshots" / "pipeline.arrow"
        memory = load(snapshot_path, WINDOW_S)
        if memory is None:
            run = f"run{self._lives}"
            memory = Memory(run, 0, 0.0, {}, Ledger(), Joiner(WINDOW_S), FeatureState())
        self.reader: MemoryBusReader = self.bus.reader(
            [(SERVED, 0), (OUTCOME, 0)], memory.positions
        )
        producer_id = f"pipeline{self._lives}"
        return Pipeline(
            bus=self.reader,
            memory=memory,
            parts=Parts(self.interactions, memory.run, memory.next_part),
            sync=FeatureSync(memory.features, self.features),
            producer=RowProducer(
                self.bus.writer(), producer_id=producer_id, service="s", region="r"
            ),
            faults=FaultFile(self.faults_path),
            snapshot_path=snapshot_path,
            timing=Timing(WINDOW_S, retention_s=7 * 86_400.0),
            now_s=now_s,
        )

    @property
    def interactions(self) -> Path:
        return self.folder / "interactions"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(scope="session")
def rows() -> Rows:
    return Rows()

"""Rows that come by reference, as parts of slabs, read as the same rows encoded would."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pyarrow as pa
import pytest

from controller.adapters.memory_bus import MemoryBus
from controller.monitors.monitor_set import MonitorSet
from controller.settings import Settings
from controller.telemetry.batches import TelemetryBatch, decode, encode_arrow, headers_for
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import MODEL, OUTCOME, REPLICA, SERVED, TOPICS
from controller.telemetry.slab import Slab
from tests.monitors.telemetry_rows import T0
from tests.monitors.test_exact_in_any_order import REFERENCE, random_rows

SETTINGS = Settings(attribution_window_s=10.0)


def world(seed: int) -> list[tuple[str, pa.RecordBatch, list[tuple[int, int]]]]:
    """A batch per topic, and how it is cut into parts."""
    generator = random.Random(seed)
    rows = random_rows(seed)
    rows[SERVED] += random_rows(seed + 1)[SERVED]
    found: list[Any] = [(MODEL, batch_from_rows(MODEL, [REFERENCE]), [(0, 1)])]
    for topic in (SERVED, OUTCOME, REPLICA):
        batch = batch_from_rows(topic, rows[topic])
        marks = sorted({0, batch.num_rows, *generator.choices(range(batch.num_rows + 1), k=4)})
        cuts = list(itertools.pairwise(marks))
        found.append((topic, batch, cuts))
    return found


def readings(seed: int, how: str) -> list[dict[Any, Any]]:
    """Everything read at a few ticks, one part of every topic at a time."""
    bus, monitors = MemoryBus(), MonitorSet(SETTINGS)
    reader = bus.reader([(topic, 0) for topic in TOPICS])
    monitors.read(T0 - 100.0, True)
    found = []
    for topic, batch, cuts in world(seed):
        slab = Slab(batch)
        for seq, (start, end) in enumerate(cuts):
            head = headers_for(producer_id="one", producer_seq=seq, service="recommender")
            rows = batch.slice(start, end - start)
            if how == "encoded":
                bus.append(topic, encode_arrow(topic, rows), head, 0, None)
            elif how == "slices":
                bus.append(topic, b"", head, 0, None, columns=rows)
            else:
                bus.append(topic, b"", head, 0, None, columns=slab.part(start, end - start))
        for message in reader.poll(0.0, 1_000):
            decoded = decode(message)
            assert isinstance(decoded, TelemetryBatch)
            monitors.update(decoded, T0 + 12.0)
        found.append(dict(monitors.read(T0 + 12.0 + len(found), True)))
    return [*found, dict(monitors.read(T0 + 30.0, True))]


@pytest.mark.parametrize("how", ["slices", "slab parts"])
@pytest.mark.parametrize("seed", range(8))
def test_by_reference_and_encoded_give_the_same_readings(seed: int, how: str) -> None:
    assert readings(seed, how) == readings(seed, "encoded")


def test_the_random_world_is_seen_at_all() -> None:
    last = readings(3, "slab parts")[1]
    assert sum(reading.sample_size for reading in last.values()) > 50

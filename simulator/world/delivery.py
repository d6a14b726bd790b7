"""What the world hands to the bus: one message, its rows by reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from controller.telemetry.slab import SlabPart


@dataclass(frozen=True, slots=True)
class Delivery:
    """One batch of one producer. ``deliver_at_s`` is since 1970; lag makes it later."""

    topic: str
    partition: int
    key: bytes | None
    headers: Mapping[str, str]
    columns: SlabPart
    deliver_at_s: float

    @property
    def batch(self) -> pa.RecordBatch:
        """The rows as a batch of their own."""
        return self.columns.batch

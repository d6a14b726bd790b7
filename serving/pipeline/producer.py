"""Rows of ours onto the bus, with the headers every batch carries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from controller.ports import BusWriter
from controller.telemetry.batches import encode_arrow, headers_for


class RowProducer:
    """One per process; ``producer_id`` is new at every start. Not safe for threads."""

    def __init__(self, bus: BusWriter, *, producer_id: str, service: str, region: str) -> None:
        self._bus = bus
        self._producer_id = producer_id
        self._service = service
        self._region = region
        self._next_seq: defaultdict[str, int] = defaultdict(int)
        self.refused_rows = 0
        """Rows the bus did not take since the start."""

    def send(self, topic: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Queue one batch on partition 0; False when it was refused. Raise ValueError on a column
        the topic does not have."""
        if not rows:
            return True
        headers = headers_for(
            producer_id=self._producer_id,
            producer_seq=self._next_seq[topic],
            service=self._service,
            region=self._region,
        )
        if not self._bus.send(topic, encode_arrow(topic, rows), headers=headers, partition=0):
            self.refused_rows += len(rows)
            return False
        self._next_seq[topic] += 1
        return True

"""Rows of the small topics (work, operator, change), as their senders write them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from controller.telemetry.batches import headers_for
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.slab import as_part
from simulator.virtual.courier import Courier
from simulator.world.delivery import Delivery


class Sender:
    """One producer: workers, a person at a command line, a deploy tool."""

    def __init__(self, producer_id: str, service: str, region: str, courier: Courier) -> None:
        self._producer_id = producer_id
        self._service = service
        self._region = region
        self._courier = courier
        self._seqs: dict[str, int] = defaultdict(int)

    def send(self, topic: str, rows: Sequence[Mapping[str, Any]], now_s: float) -> None:
        """One message with these rows, if there are any."""
        if not rows:
            return
        headers = headers_for(
            producer_id=self._producer_id,
            producer_seq=self._seqs[topic],
            service=self._service,
            region=self._region,
        )
        self._seqs[topic] += 1
        part = as_part(batch_from_rows(topic, rows))
        self._courier.send(Delivery(topic, 0, None, headers, part, now_s))

"""Counts what is really on the bus, reading it as any other reader could."""

from __future__ import annotations

from collections.abc import Callable

from controller.adapters.memory_bus import MemoryBus
from controller.telemetry.batches import TelemetryBatch, decode
from controller.telemetry.schema import SERVED
from controller.telemetry.slab import as_part
from simulator.virtual.courier import Courier
from simulator.world.user_rows import users_in

EVERYTHING = 1_000_000


class Audit:
    """Users' served rows on the bus, and those of which somebody admits that they are not."""

    def __init__(self, bus: MemoryBus, courier: Courier, lost: Callable[[], int]) -> None:
        """``lost``: rows of users that faults of telemetry lost so far."""
        self._reader = bus.reader([(SERVED, number) for number in range(bus.partitions)])
        self._courier = courier
        self._lost = lost
        self._read = 0

    def written(self) -> int:
        """Read, held back, dropped for want of room, or lost by a fault; since the start."""
        for message in self._reader.poll(0.0, EVERYTHING):
            found = decode(message)
            if isinstance(found, TelemetryBatch):
                self._read += users_in(found.part or as_part(found.batch))
        return self._read + self._courier.waiting_users + self._courier.dropped_users + self._lost()

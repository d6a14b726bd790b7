"""Brings the world's telemetry to the bus: late when it lags, held back while the bus is gone."""

from __future__ import annotations

from collections import deque

from controller.adapters.memory_bus import MemoryBus
from controller.telemetry.schema import SERVED
from simulator.kernel import Kernel, Priority
from simulator.world.delivery import Delivery
from simulator.world.user_rows import users_in

MOST_ROWS_HELD = 20_000
"""As in a router's telemetry buffer; what does not fit is dropped, oldest first, and counted."""


class Courier:
    """``dropped_rows`` are those that will never arrive; ``*_users`` are users' served rows."""

    def __init__(self, bus: MemoryBus, kernel: Kernel) -> None:
        self.dropped_rows = 0
        self.dropped_users = 0
        self.waiting_users = 0
        self._bus = bus
        self._kernel = kernel
        self._held: deque[Delivery] = deque()
        self._held_rows = 0

    def send(self, delivery: Delivery) -> None:
        """Now, or when it is due."""
        self.waiting_users += _users(delivery)
        if delivery.deliver_at_s <= self._kernel.now_s:
            self._hand_over(delivery)
        else:
            self._kernel.at(
                delivery.deliver_at_s, lambda: self._hand_over(delivery), Priority.DELIVERY
            )

    def _hand_over(self, delivery: Delivery) -> None:
        self._held.append(delivery)
        self._held_rows += delivery.columns.num_rows
        while self._held and self._put(self._held[0]):
            self._done_with(self._held.popleft())
        while self._held_rows > MOST_ROWS_HELD:
            lost = self._held.popleft()
            self._done_with(lost)
            self.dropped_rows += lost.columns.num_rows
            self.dropped_users += _users(lost)

    def _done_with(self, delivery: Delivery) -> None:
        self._held_rows -= delivery.columns.num_rows
        self.waiting_users -= _users(delivery)

    def _put(self, delivery: Delivery) -> bool:
        return self._bus.append(
            delivery.topic,
            b"",
            delivery.headers,
            delivery.partition,
            delivery.key,
            columns=delivery.columns,
        )


def _users(delivery: Delivery) -> int:
    return users_in(delivery.columns) if delivery.topic == SERVED else 0

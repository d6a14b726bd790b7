"""A bus reader whose waiting is virtual: the world lives on until a message is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.ports import BusReader, Message, Partition, Position
from simulator.kernel import Kernel


class WaitingReader(BusReader):
    """Reads from ``inner``, which never waits, as a real reader would from a real bus."""

    def __init__(self, inner: BusReader, kernel: Kernel) -> None:
        self._inner = inner
        self._kernel = kernel

    @property
    def recycled(self) -> int:  # type: ignore[override]
        return self._inner.recycled

    def poll(self, timeout_s: float, limit: int) -> Sequence[Message]:
        messages = self._inner.poll(0.0, limit)
        until_s = self._kernel.now_s + timeout_s
        while not messages and self._kernel.next_s <= until_s:
            self._kernel.step()
            messages = self._inner.poll(0.0, limit)
        if not messages:
            self._kernel.run_until(until_s)
        return messages

    def positions(self) -> Mapping[Partition, Position]:
        return self._inner.positions()

    def is_up(self) -> bool:
        return self._inner.is_up()

    def close(self) -> None:
        self._inner.close()

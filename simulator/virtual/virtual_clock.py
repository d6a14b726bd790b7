"""The controller's clock in virtual time: sleeping lets the world live."""

from __future__ import annotations

from controller.ports import Clock
from simulator.kernel import Kernel


class VirtualClock(Clock):
    """Reads the kernel's time; waiting runs whatever is due meanwhile."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def now_s(self) -> float:
        return self._kernel.now_s

    def sleep_until(self, at_s: float) -> None:
        self._kernel.run_until(at_s)

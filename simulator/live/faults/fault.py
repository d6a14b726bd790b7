"""What a fault is: a cause that is really there for a while, its truth, and a sure healing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from simulator.live.faults.fault_file import FaultFile
from simulator.report.truth import GroundTruth


@dataclass(frozen=True, slots=True)
class Place:
    """The running stack a fault is put into. ``now_s`` gives seconds since 1970."""

    data_dir: Path
    fault_file: FaultFile
    now_s: Callable[[], float]


class Fault(ABC):
    """One cause of trouble, with the truth a run is judged by. See the README to add your own."""

    name: ClassVar[str]
    cause: ClassVar[str]
    right_actions: ClassVar[tuple[str, ...]]
    """Actions that would be right; empty: nothing should be done."""
    needs_fault_file: ClassVar[bool] = False
    """Whether the service must have ``faults_enabled``."""
    must_act: ClassVar[bool] = False
    """Whether a run in which no incident was opened counts as not healed."""

    @abstractmethod
    async def hold(self, place: Place, for_s: float) -> None:
        """Be there for ``for_s`` seconds and leave nothing behind, also when cancelled.

        ``for_s`` 0 means once. Raises WorldError when the fault cannot be put in place.
        """

    def truth(self, on_at_s: float, off_at_s: float | None) -> GroundTruth:
        """What really happened, and when."""
        return GroundTruth(
            self.name, on_at_s, off_at_s, self.cause, self.right_actions, self.must_act
        )

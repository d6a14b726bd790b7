"""The machine the controller runs on: starts the shell of production, and may lose it mid-step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.adapters.local_copy import LocalCopy as DiskCopy
from controller.adapters.memory_bus import MemoryBus, MemoryBusReader
from controller.adapters.memory_copy import MemoryCopy
from controller.adapters.memory_store import MemoryPlanStore
from controller.core.playbook import Playbook
from controller.core.readings import Readings
from controller.monitors.monitor_set import MonitorSet
from controller.ports import Message
from controller.settings import Settings
from controller.shell.election import LocalCopy
from controller.shell.journal import FactLog, Journal, NoJournal
from controller.shell.loop import Ports, Shell
from controller.shell.metrics import NoMetrics
from controller.shell.snapshots import MemorySnapshots, NoSnapshots, resume
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import TOPICS
from simulator.kernel import Kernel
from simulator.virtual.virtual_clock import VirtualClock
from simulator.virtual.waiting_reader import WaitingReader

CODE = "virtual"


class _Killed(BaseException):
    """Unwinds the shell from wherever it was, as a kill would; nothing of it goes on."""


@dataclass(slots=True)
class FixedPlaybooks:
    """The set a run begins with; nobody edits files in virtual time."""

    playbooks: tuple[Playbook, ...]
    trouble: str = ""

    def changed(self) -> tuple[Playbook, ...] | None:
        return None


@dataclass(slots=True)
class LastReadings:
    """What the monitors gave at the last tick; in place of the file beside it."""

    failed: int = 0
    at_s: float = float("-inf")
    readings: Readings = field(default_factory=dict)

    def write(self, at_s: float, readings: Readings, about: Mapping[str, object]) -> None:
        del about
        self.at_s, self.readings = at_s, readings


class ControllerHost:
    """``folder``: keep journal and copy there, else nowhere. ``may_crash``: keep snapshots."""

    def __init__(
        self,
        settings: Settings,
        playbooks: tuple[Playbook, ...],
        bus: MemoryBus,
        store: MemoryPlanStore,
        kernel: Kernel,
        *,
        folder: Path | None,
        may_crash: bool,
    ) -> None:
        self.last = LastReadings()
        self.shell: Shell | None = None
        self._settings = settings
        self._playbooks = FixedPlaybooks(playbooks)
        self._bus = bus
        self._store = store
        self._kernel = kernel
        self._folder = folder
        self._snapshots = MemorySnapshots() if may_crash else NoSnapshots()
        self._copy: LocalCopy = MemoryCopy() if folder is None else _disk_copy(folder, settings)
        self._journal: FactLog = NoJournal()
        self._starts = 0
        self._dying = False

    def start(self) -> None:
        """Another process: it knows what the last one kept, and nothing else."""
        self._starts += 1
        self._dying = False
        settings, monitors, ledger = self._settings, MonitorSet(self._settings), Ledger()
        positions = resume(self._snapshots.load(), monitors, ledger)
        assigned = [(topic, number) for topic in TOPICS for number in range(settings.partitions)]
        if self._folder is not None:
            retention = settings.retention
            self._journal = Journal(
                self._folder / "journal", retention.journal_s, retention.journal_mb * 1e6
            )
        ports = Ports(
            reader=_Mortal(self._bus.reader(assigned, positions), self._kernel, self),
            dead_letters=self._bus.writer(),
            store=self._store,
            copy=self._copy,
            clock=VirtualClock(self._kernel),
            journal=self._journal,
            monitors=monitors,
            ledger=ledger,
            snapshots=self._snapshots,
            readings_file=self.last,
            playbooks=self._playbooks,
            metrics=NoMetrics(),
        )
        judge = settings.for_judge(monitors.catalogue)
        self.shell = Shell(judge, f"virtual-{self._starts}", CODE, ports)

    def kill(self) -> None:
        """It ends where it stands: now, or at the end of the wait it is in."""
        self._dying = self.shell is not None

    def run_tick(self) -> float | None:
        """One tick of a living controller; None when it was killed before it could judge."""
        assert self.shell is not None, "a controller that is down judges nothing"
        try:
            return self.shell.run_tick()
        except _Killed:
            self._lose()
            return None

    def stop(self) -> None:
        """The run is over: close what is open."""
        if self.shell is not None:
            self.shell.close()
        self.shell = None

    def must_die(self) -> bool:
        return self._dying

    def _lose(self) -> None:
        self.shell, self._dying = None, False
        if isinstance(self._journal, Journal):
            self._journal.abandon()


def _disk_copy(folder: Path, settings: Settings) -> DiskCopy:
    kept = settings.retention
    return DiskCopy(folder / "decisions", kept.decisions_s, kept.decisions_mb * 1e6)


class _Mortal(WaitingReader):
    """A reader whose process may be killed while it waits."""

    def __init__(self, inner: MemoryBusReader, kernel: Kernel, host: ControllerHost) -> None:
        super().__init__(inner, kernel)
        self._host = host

    def poll(self, timeout_s: float, limit: int) -> Sequence[Message]:
        messages = super().poll(timeout_s, limit)
        if self._host.must_die():
            raise _Killed
        return messages

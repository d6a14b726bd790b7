"""The processes a host started, recorded so that whoever comes after can end what is left over."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from controller.atomic_file import write_atomically

RECORD_FILE = Path("run") / "ray_pids.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """``processes``: pid to start time, because the system gives numbers out again."""

    host_pid: int
    processes: dict[int, float]
    folders: tuple[str, ...]


_NOTHING = _Recorded(0, {}, ())


class ProcessRecord:
    """``DATA_DIR/run/ray_pids.json`` of one host: its processes and its temporary folders."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / RECORD_FILE
        self._processes: dict[int, float] = {}
        self.folders: list[str] = []

    def note(self, processes: Iterable[psutil.Process]) -> None:
        """Add these, forget those that are gone, and write the file."""
        for process in processes:
            try:
                self._processes[process.pid] = process.create_time()
            except psutil.NoSuchProcess:
                continue
        self._processes = {p: at_s for p, at_s in self._processes.items() if _living(p, at_s)}
        document = {
            "host_pid": os.getpid(),
            "processes": list(self._processes.items()),
            "folders": self.folders,
        }
        write_atomically(self._path, json.dumps(document).encode())

    def end_all(self, wait_s: float = 3.0, host_pid: int | None = None) -> None:
        """End what is recorded, remove its folders and the file; never this very process.

        ``host_pid``: only if that host wrote the file, else another one has taken over already.
        """
        recorded = self._read()
        if host_pid is not None and recorded.host_pid != host_pid:
            return
        living = [
            process
            for pid, at_s in (recorded.processes | self._processes).items()
            if pid != os.getpid() and (process := _living(pid, at_s))
        ]
        if living:
            _log.info("ending %d left-over processes", len(living))
        for process in living:
            _send(process.terminate)
        for process in psutil.wait_procs(living, timeout=wait_s)[1]:
            _send(process.kill)
        for folder in {*recorded.folders, *self.folders}:
            shutil.rmtree(folder, ignore_errors=True)
        self._processes, self.folders = {}, []
        if self._read().host_pid == recorded.host_pid:
            self._path.unlink(missing_ok=True)

    def _read(self) -> _Recorded:
        try:
            document = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return _NOTHING
        processes = {int(pid): float(at_s) for pid, at_s in document["processes"]}
        return _Recorded(document["host_pid"], processes, tuple(document["folders"]))


def _living(pid: int, started_at_s: float) -> psutil.Process | None:
    """The same process, not another one that got its number."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started_at_s) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _send(signal: Callable[[], None]) -> None:
    try:
        signal()
    except psutil.NoSuchProcess:
        return

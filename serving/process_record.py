"""The processes a host started, recorded so that the next one can end what a crash left over."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

RECORD_FILE = Path("run") / "ray_pids.json"
_log = logging.getLogger(__name__)


class ProcessRecord:
    """``DATA_DIR/run/ray_pids.json``: pid and start time of each process, and temporary folders."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / RECORD_FILE
        self._processes: dict[int, float] = {}
        self.folders: list[str] = []

    def note(self, processes: Iterable[psutil.Process]) -> None:
        """Add these, forget those that are gone, and write the file."""
        found = dict(self._processes)
        for process in processes:
            try:
                found[process.pid] = process.create_time()
            except psutil.NoSuchProcess:
                continue
        self._processes = {p: at_s for p, at_s in found.items() if _living(p, at_s)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        document = {"processes": list(self._processes.items()), "folders": self.folders}
        fresh.write_text(json.dumps(document))
        fresh.replace(self._path)

    def end_all(self, wait_s: float = 3.0) -> None:
        """End what is recorded in memory or in the file, remove the folders and the file."""
        document = self._read()
        recorded = {**dict(document["processes"]), **self._processes}
        living = [p for pid, at_s in recorded.items() if (p := _living(int(pid), at_s))]
        if living:
            _log.info("ending %d left-over processes", len(living))
        for process in living:
            _signal(process, psutil.Process.terminate)
        for process in psutil.wait_procs(living, timeout=wait_s)[1]:
            _signal(process, psutil.Process.kill)
        for folder in {*document["folders"], *self.folders}:
            shutil.rmtree(folder, ignore_errors=True)
        self._path.unlink(missing_ok=True)
        self._processes, self.folders = {}, []

    def _read(self) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return {"processes": [], "folders": []}
        return document


def _living(pid: int, started_at_s: float) -> psutil.Process | None:
    """The same process, not another one that got its number."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started_at_s) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _signal(process: psutil.Process, send: Any) -> None:
    try:
        send(process)
    except psutil.NoSuchProcess:
        return

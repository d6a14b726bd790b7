"""A small file per live replica, so that people and simulated faults find its process.

``DATA_DIR/run/replicas/KIND-NAME-PID.json``: ``{"pid", "kind", "arm"}``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil

from controller.atomic_file import write_atomically

FOLDER = Path("run") / "replicas"


def announce_replica(data_dir: Path, kind: str, arm: str) -> Path:
    """Write this process's file, and remove those of processes that are gone."""
    folder = data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        pid = path.stem.rpartition("-")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            path.unlink(missing_ok=True)
    path = folder / f"{kind}-{arm}-{os.getpid()}.json"
    document = {"pid": os.getpid(), "kind": kind, "arm": arm}
    write_atomically(path, json.dumps(document).encode())
    return path


def replica_pids(data_dir: Path, kind: str, arm: str) -> tuple[int, ...]:
    """Pids of the live replicas of an arm (``kind`` ``arm``) or of routers (``router``)."""
    found = []
    for path in (data_dir / FOLDER).glob(f"{kind}-{arm}-*.json"):
        pid = int(path.stem.rpartition("-")[2])
        if psutil.pid_exists(pid):
            found.append(pid)
    return tuple(sorted(found))

"""The last word on each work item, kept on disk so that a restart does not do it again."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Status:
    """One row of `.work` without its times: taken, running, done, failed or refused."""

    work_id: str
    kind: str
    status: str
    detail: str
    version: str | None = None


class FinishedWork:
    """One small file per work id in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, work_id: str) -> Status | None:
        """The last word, None while there is none."""
        try:
            return Status(**json.loads(self._path(work_id).read_text()))
        except FileNotFoundError:
            return None

    def keep(self, status: Status) -> None:
        """Whole or not at all."""
        path = self._path(status.work_id)
        staging = path.with_suffix(f".{os.getpid()}.staging")
        staging.write_text(json.dumps(asdict(status)))
        staging.rename(path)

    def _path(self, work_id: str) -> Path:
        return self._folder / f"{hashlib.sha256(work_id.encode()).hexdigest()}.json"

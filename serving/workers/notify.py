"""Telling people: a line in ``DATA_DIR/notifications.jsonl`` and on stdout. Does not need Ray, and
never says the same work id twice unless it was killed in between."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from controller.core.plan import Plan, Work
from serving.workers.results import Done, Failed, Result, Stopping

_LOOK_BACK_BYTES = 1_000_000


class Notify:
    """The task. Arguments: channel, message."""

    def __init__(self, path: Path, now_s: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now_s = now_s

    def __call__(self, work: Work, plan: Plan, stopping: Stopping) -> Result:
        del stopping  # it is over in no time
        channel = str(work.arguments.get("channel", ""))
        line = {
            "id": work.id,
            "at_s": round(self._now_s(), 3),
            "service": plan.service,
            "channel": channel,
            "message": str(work.arguments.get("message", "")),
            "owner": work.owner,
            "playbook": work.playbook,
        }
        try:
            if self._was_said(work.id):
                return Done(f"{channel} was notified before")
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return Failed(f"{self._path.name}: {error}")
        print(f"notify {channel}: {line['message'] or work.owner}", flush=True)
        return Done(f"{channel} was notified")

    def _was_said(self, work_id: str) -> bool:
        if not self._path.exists():
            return False
        with self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LOOK_BACK_BYTES))
            return json.dumps(work_id).encode() in file.read()

"""What the controller leaves on disk while a run goes on: its readings and its decision log.

The log's copy is written right after the store took a record, so the moment it is seen here is
when its plan was public, within the time between two looks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.shell.readings_file import read_readings
from simulator.report.series import Series, SignalRecorder

RECORDS = Path("decisions") / "records.jsonl"


class Observation:
    """Look several times a second; ``signals`` and ``records`` grow, oldest first.

    ``seen_at_s`` says when a record was seen first, by its id.
    """

    def __init__(self, data_dir: Path, now_s: Callable[[], float]) -> None:
        self.records: list[dict[str, Any]] = []
        self.seen_at_s: dict[str, float] = {}
        self._data_dir = data_dir
        self._now_s = now_s
        self._offset = 0
        self._recorder = SignalRecorder()
        self._sampled_at_s = 0.0

    @property
    def signals(self) -> Mapping[str, Series]:
        """What the controller read so far, by signal."""
        return self._recorder.signals()

    def look(self) -> None:
        """Take what is new. A file that is not there yet is nothing new."""
        sample = read_readings(self._data_dir)
        if sample and sample["at_s"] > self._sampled_at_s:
            self._sampled_at_s = sample["at_s"]
            for reading in sample["readings"]:
                self._recorder.add(
                    reading["signal"], sample["at_s"], reading["value"], reading["state"]
                )
        self._read_records()

    def _read_records(self) -> None:
        path = self._data_dir / RECORDS
        try:
            if path.stat().st_size < self._offset:
                self._offset, self.records = 0, []  # another log took its place: read it whole
            with path.open("rb") as file:
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            return
        whole = fresh.rfind(b"\n") + 1
        self._offset += whole
        for line in fresh[:whole].splitlines():
            record = json.loads(line)
            self.records.append(record)
            self.seen_at_s.setdefault(record["id"], self._now_s())

"""How far the pipeline is behind, as a file beside it: no broker is emptied under a reader."""

from __future__ import annotations

import json
from pathlib import Path

from controller.atomic_file import write_atomically

FILE = Path("run") / "pipeline.lag.json"
WRITE_EVERY_S = 1.0


class LagFile:
    """Rewritten whole once a second. A folder that cannot be written is counted, not fatal."""

    def __init__(self, data_dir: Path) -> None:
        self.failed = 0
        self._path = data_dir / FILE
        self._due_s = 0.0

    def write(self, lag_s: float, now_s: float) -> None:
        if now_s < self._due_s:
            return
        self._due_s = now_s + WRITE_EVERY_S
        content = json.dumps({"lag_s": round(lag_s, 3)}).encode()
        try:
            write_atomically(self._path, content, durable=False)
        except OSError:
            self.failed += 1


def read_lag_s(data_dir: Path) -> float:
    """Infinite while the pipeline has said nothing."""
    try:
        text = (data_dir / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return float("inf")
    return float(json.loads(text)["lag_s"])

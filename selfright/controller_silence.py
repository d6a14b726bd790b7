"""When a controller that still runs has hung: it writes its readings every second, or is stuck."""

from __future__ import annotations

from pathlib import Path

from controller.shell.readings_file import FILE

SILENT_S = 20.0
"""Longer than any election or backlog holds a tick up."""


class ControllerSilence:
    """Decides; the supervisor acts. Times are of the same clock as the file system's."""

    def __init__(self, data_dir: Path, now_s: float) -> None:
        self._file = data_dir / FILE
        self._since_s = now_s

    def due(self, now_s: float) -> str:
        """Why to restart the controller now, or an empty string."""
        if self._file.exists():
            self._since_s = max(self._since_s, self._file.stat().st_mtime)
        silent_s = now_s - self._since_s
        if silent_s < SILENT_S:
            return ""
        self._since_s = now_s  # the next one gets its time too
        return f"it runs, but has judged nothing for {silent_s:.0f} s"

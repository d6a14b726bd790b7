"""When to restart the embedded broker empty: it keeps everything in memory and deletes nothing.

A recycled broker is an empty one, so it waits until those who read it have caught up; beyond
twice the limit it no longer waits, since a machine out of memory loses more.
"""

from __future__ import annotations

import json
from pathlib import Path

CAUGHT_UP_LAG_S = 2.0
LEAST_GAP_S = 30.0
"""Never recycle more often than this, whatever the memory says."""
_LOOK_EVERY_S = 2.0


class BrokerRecycling:
    """Decides; the supervisor acts."""

    def __init__(self, data_dir: Path, limit_mb: float) -> None:
        self._data_dir = data_dir
        self._limit_mb = limit_mb
        self._next_look_s = 0.0

    def due(self, memory_mb: float, now_s: float) -> str:
        """Why to recycle now, or an empty string."""
        if memory_mb <= self._limit_mb or now_s < self._next_look_s:
            return ""
        self._next_look_s = now_s + _LOOK_EVERY_S
        lag_s = self._readers_lag_s()
        if lag_s > CAUGHT_UP_LAG_S and memory_mb <= 2 * self._limit_mb:
            return ""
        self._next_look_s = now_s + LEAST_GAP_S
        return (
            f"it holds {memory_mb:.0f} MB, over its limit of {self._limit_mb:.0f} MB; "
            f"readers lag {lag_s:.1f} s; a recycled broker starts empty"
        )

    def _readers_lag_s(self) -> float:
        """The larger lag of the two readers, as each last wrote it; unknown counts as large."""
        return max(self._lag_of("controller"), self._lag_of("pipeline"))

    def _lag_of(self, reader: str) -> float:
        path = self._data_dir / "run" / f"{reader}.lag.json"
        try:
            return float(json.loads(path.read_text(encoding="utf-8"))["lag_s"])
        except (FileNotFoundError, KeyError, ValueError):
            return float("inf")

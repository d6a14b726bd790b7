"""When to restart the embedded broker empty: it keeps everything in memory and deletes nothing.

A recycled broker is an empty one, so it waits until those who read it have caught up; beyond
twice the limit it no longer waits, since a machine out of memory loses more.
"""

from __future__ import annotations

from pathlib import Path

from controller.shell.readings_file import read_readings
from serving.pipeline.lag_file import read_lag_s

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
        """The larger lag of the two readers; one that has said nothing counts as far behind."""
        return max(self._controllers_lag_s(), read_lag_s(self._data_dir))

    def _controllers_lag_s(self) -> float:
        sample = read_readings(self._data_dir)
        lags_s = [
            reading["value"]
            for reading in (sample or {"readings": []})["readings"]
            if reading["signal"].startswith("source.lag_s") and reading["value"] is not None
        ]
        return max(lags_s, default=float("inf"))

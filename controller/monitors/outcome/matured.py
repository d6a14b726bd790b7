"""Requests and clicks of each arm by the minute of the draw, kept once they are mature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import SignalSpec
from controller.monitors.counting.nesting import text_array
from controller.monitors.tick import LONGEST_WINDOW_S
from controller.settings import Settings
from controller.statistics.lift import Lift, lift_of

MINUTE_S = 60
LEAST_REQUESTS = 1_000


class MaturedMinutes:
    """Sequential, a reader's own: ids of requests need not be kept for an hour for it."""

    def __init__(self) -> None:
        self.upto_s = 0
        self._minutes: dict[int, dict[str, tuple[int, int]]] = {}
        self._lifts: dict[tuple[str, str, tuple[float, float]], tuple[Lift | None, int]] = {}
        """As they were asked for since the last minute came."""

    def add(self, minute_s: int, counts: Mapping[str, tuple[int, int]]) -> None:
        """(requests, clicks) of each arm of the minute that starts then; ascending."""
        self._minutes[minute_s] = dict(counts)
        self._lifts.clear()
        self.upto_s = minute_s + MINUTE_S
        for old_s in [s for s in self._minutes if s < self.upto_s - LONGEST_WINDOW_S]:
            del self._minutes[old_s]

    def window(self, window_s: float) -> tuple[float, float]:
        """The last whole minutes that make up the window, at least one."""
        minutes = max(1, round(window_s / MINUTE_S))
        return float(self.upto_s - minutes * MINUTE_S), float(self.upto_s)

    def counts(self, arm: str, start_s: float, end_s: float) -> NDArray[np.int64]:
        """Requests and clicks by minute, shape (minutes, 2)."""
        kept = (m for s, m in sorted(self._minutes.items()) if start_s <= s < end_s)
        return np.array([m.get(arm, (0, 0)) for m in kept], dtype=np.int64).reshape(-1, 2)

    def lift(self, arm: str, control: str, window: tuple[float, float]) -> tuple[Lift | None, int]:
        """Of one arm over another, and the requests of the one that had fewer."""
        asked = (arm, control, window)
        if asked not in self._lifts:
            self._lifts[asked] = self._lift(*asked)
        return self._lifts[asked]

    def _lift(self, arm: str, control: str, window: tuple[float, float]) -> tuple[Lift | None, int]:
        ours, theirs = self.counts(arm, *window), self.counts(control, *window)
        fewer = int(min(ours[:, 0].sum(), theirs[:, 0].sum()))
        return lift_of(ours[:, 0], ours[:, 1], theirs[:, 0], theirs[:, 1]), fewer

    def snapshot(self) -> dict[str, NDArray[Any]]:
        rows = [(s, a, n, k) for s, m in self._minutes.items() for a, (n, k) in m.items()]
        return {
            "arms": text_array([arm for _, arm, _, _ in rows]),
            "counts": np.array([(s, n, k) for s, _, n, k in rows], np.int64).reshape(-1, 3),
            "upto_s": np.array([self.upto_s], dtype=np.int64),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError."""
        self._minutes = {}
        self._lifts.clear()
        for arm, (minute_s, n, k) in zip(arrays["arms"], arrays["counts"].tolist(), strict=True):
            self._minutes.setdefault(minute_s, {})[str(arm)] = (n, k)
        self.upto_s = int(arrays["upto_s"][0])


def lift_specs(settings: Settings) -> tuple[SignalSpec, ...]:
    """Both bounds for every ordered pair of arms."""
    return tuple(
        SignalSpec(
            f"lift(ctr,{arm},{control}).{part}",
            "share",
            (),
            LEAST_REQUESTS,
            LONGEST_WINDOW_S,
            f"{part.capitalize()} 97.5 % bound of the relative lift of ctr of {arm} over {control}"
            ", minute by minute; for one window, not for looking until it pleases",
            compares_arms=True,
            harm="low",
        )
        for arm in settings.arms
        for control in settings.arms
        if arm != control
        for part in ("lower", "upper")
    )

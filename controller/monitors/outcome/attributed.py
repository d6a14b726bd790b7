"""Which arm each clicked request was drawn to, and with what chances: one click per request.

From the labels of outcomes alone, so bots' clicks are in it; they are drawn as people's are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.monitors.causes.request_hash import Hashes, hashes_of
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.nesting import nested, text_array, unnested
from controller.monitors.monitor import Arrays
from controller.monitors.outcome.clicks import CLICK

STEP_S = 10
Places = NDArray[np.int64]


class Clicks(NamedTuple):
    """Clicked requests, ascending by ``hashes``. ``drawn`` are places among the arms; ``chances``,
    of shape (requests, arms), are those of the draw."""

    hashes: Hashes
    drawn: NDArray[np.int8]
    chances: NDArray[np.float64]


class AttributedClickTally:
    """Clicks within the attribution window, by step of the draw. A union: exact in any order."""

    def __init__(self, arms: Sequence[str], attribution_window_s: float) -> None:
        self.window_s = attribution_window_s
        self._arms = tuple(arms)
        self._steps: dict[int, Clicks] = {}

    def update(self, rows: BatchView) -> None:
        arm = rows.labels("arm")
        drawn = self._places(arm.names)[arm.codes]
        drawn_s, at_s = rows.numbers("served_at_s"), rows.numbers("at_s")
        kept = rows.labels("kind").equal(CLICK) & (drawn >= 0) & rows.present("request_id")
        kept &= rows.timely("served_at_s") & rows.timely("at_s")
        kept &= (at_s >= drawn_s) & (at_s <= drawn_s + self.window_s)
        chosen = np.flatnonzero(kept)
        if not chosen.size:
            return
        hashes = hashes_of(rows.batch.column("request_id"))
        chances, steps = self._chances(rows), drawn_s[chosen].astype(np.int64) // STEP_S
        for step in np.unique(steps).tolist():
            mine = chosen[steps == step]
            self._add(step, Clicks(hashes[mine], drawn[mine].astype(np.int8), chances[mine]))

    def _places(self, names: Sequence[str]) -> Places:
        """Of names among the arms, -1 for others; and one more -1, for code -1."""
        known = {arm: place for place, arm in enumerate(self._arms)}
        return np.array([*(known.get(name, -1) for name in names), -1], np.int64)

    def _chances(self, rows: BatchView) -> NDArray[np.float64]:
        told = rows.nested("propensities")
        arm, chance = told.labels("arm"), told.numbers("chance")
        place = self._places(arm.names)[arm.codes]
        known = (place >= 0) & (chance >= 0.0) & (chance <= 1.0)
        found = np.zeros((rows.row_count, len(self._arms)))
        found[told.rows[known], place[known]] = chance[known]
        return found

    def _add(self, step: int, clicks: Clicks) -> None:
        hashes, drawn, chances = clicks
        held = self._steps.get(step)
        if held is not None:
            hashes = np.concatenate((held.hashes, hashes))
            drawn = np.concatenate((held.drawn, drawn))
            chances = np.concatenate((held.chances, chances))
        hashes, first = np.unique(hashes, return_index=True)
        self._steps[step] = Clicks(hashes, drawn[first], chances[first])

    def clicks(self, start_s: float, end_s: float) -> list[Clicks]:
        """Of the steps in the span of draws that have any, ascending."""
        first, after = int(start_s // STEP_S), int(end_s // STEP_S)
        return [self._steps[step] for step in sorted(self._steps) if first <= step < after]

    def merge(self, other: AttributedClickTally) -> None:
        for step, clicks in other._steps.items():
            self._add(step, clicks)

    def forget(self, before_s: float, after_s: float) -> None:
        first, last = before_s / STEP_S - 1.0, after_s / STEP_S
        for step in [s for s in self._steps if not first <= s <= last]:
            del self._steps[step]

    def snapshot(self) -> Arrays:
        every = list(self._steps.values())
        sizes = [clicks.hashes.size for clicks in every]
        clicked = {
            "steps": np.repeat(np.array(list(self._steps), np.int64), sizes),
            "hashes": np.concatenate([np.zeros(0, np.uint64), *(c.hashes for c in every)]),
            "codes": np.concatenate([np.zeros(0, np.int8), *(c.drawn for c in every)]),
            "values": np.concatenate([np.zeros((0, len(self._arms))), *(c.chances for c in every)]),
        }
        return nested(clicked={"arms": text_array(list(self._arms)), **clicked})

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        clicked = unnested(arrays, "clicked")
        names = clicked["arms"].tolist()
        steps, hashes, drawn, chances = (
            clicked[name] for name in ("steps", "hashes", "codes", "values")
        )
        if (
            not steps.shape == hashes.shape == drawn.shape
            or chances.shape != (steps.size, len(names))
            or hashes.dtype != np.uint64
        ):
            raise ValueError("attributed clicks are not in a shape this program writes")
        # Arms may have come and gone in the settings.
        columns = [names.index(arm) if arm in names else -1 for arm in self._arms]
        chances = np.column_stack([chances, np.zeros(steps.size)])[:, columns]
        drawn = self._places(names)[drawn].astype(np.int8)
        self._steps = {}
        for step in np.unique(steps[drawn >= 0]).tolist():
            mine = (steps == step) & (drawn >= 0)
            self._add(step, Clicks(hashes[mine], drawn[mine], chances[mine]))

"""What a reader learns of each arm's model while it is new: counts of its first steps.

A new version starts afresh; once there is enough the lesson is over, and what comes later is
compared with it. Steps in which an arm answered with two versions teach nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState
from controller.monitors.counting.nesting import text_array
from controller.monitors.counting.slots import Slots
from controller.monitors.model.answers import arm_of, served_versions
from controller.monitors.monitor import Arrays

MOST_BEHIND_S = 3_600.0
"""Steps older than this are gone; after a restart they are not asked for."""
Counts = NDArray[np.int64]
Counted = Callable[[str, str, float, float], Counts]
"""Counts of an arm, while it served a version, from until before: (rows, cells)."""


@dataclass(slots=True)
class Lesson:
    """``complete_s`` is when it was over; infinite while it is not."""

    version: str
    counts: Counts
    complete_s: float = math.inf

    @property
    def is_complete(self) -> bool:
        return self.complete_s < math.inf


class Lessons:
    """``is_enough`` says of the counts whether they will do; ``step_s`` is that of the slots."""

    def __init__(
        self, shape: tuple[int, int], step_s: int, is_enough: Callable[[Counts], bool]
    ) -> None:
        self._shape, self._step_s, self._is_enough = shape, step_s, is_enough
        self._lessons: dict[str, Lesson] = {}
        self._until_s: float | None = None

    def of(self, arm: str) -> Lesson | None:
        """None for an arm that nobody has seen answering."""
        return self._lessons.get(arm)

    def attend(self, versions: Slots, started_s: float, closed_s: float, counted: Counted) -> None:
        """Learn from every step that ended by ``closed_s``, once each.

        ``versions``: series ``ARM/VERSION`` with what was answered when.
        """
        step_s = self._step_s
        from_s = self._until_s
        if from_s is None:
            from_s = math.ceil(started_s / step_s) * step_s
        from_s = max(from_s, (closed_s - MOST_BEHIND_S) // step_s * step_s)
        arms = dict.fromkeys(arm_of(name) for name in versions.names())
        while from_s + step_s <= closed_s:
            for arm in arms:
                self._attend(versions, arm, from_s, counted)
            from_s += step_s
        self._until_s = from_s

    def _attend(self, versions: Slots, arm: str, from_s: float, counted: Counted) -> None:
        until_s = from_s + self._step_s
        found = served_versions(versions, arm, from_s, until_s)
        if len(found) != 1:
            return
        (version,) = found
        lesson = self._lessons.get(arm)
        if lesson is None or lesson.version != version:
            lesson = self._lessons[arm] = Lesson(version, np.zeros(self._shape, np.int64))
        if lesson.is_complete:
            return
        lesson.counts = lesson.counts + counted(arm, version, from_s, until_s)
        if self._is_enough(lesson.counts):
            lesson.complete_s = until_s

    def snapshot(self) -> Arrays:
        """As arrays."""
        known = list(self._lessons.items())
        until_s = np.nan if self._until_s is None else self._until_s
        counts = [lesson.counts for _, lesson in known]
        return {
            "arms": text_array([arm for arm, _ in known]),
            "versions": text_array([lesson.version for _, lesson in known]),
            "complete_s": np.array([lesson.complete_s for _, lesson in known], np.float64),
            "lessons": np.array(counts, np.int64).reshape(len(known), *self._shape),
            "until_s": np.array([until_s], np.float64),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted; nothing there: stay new. Raise KeyError or ValueError."""
        if not arrays:
            return
        counts = arrays["lessons"]
        if counts.dtype != np.int64 or counts.shape[1:] != self._shape:
            raise ValueError("lessons are not in a shape this program writes")
        until_s = float(arrays["until_s"][0])
        self._until_s = None if until_s != until_s else until_s
        rows = zip(
            arrays["arms"].tolist(),
            arrays["versions"].tolist(),
            counts,
            arrays["complete_s"].tolist(),
            strict=True,
        )
        self._lessons = {arm: Lesson(version, own, at_s) for arm, version, own, at_s in rows}


def still_learning(lesson: Lesson | None, learnt: str, window: tuple[float, float]) -> Reading:
    """Why there is nothing to compare with yet."""
    note = f"learning {lesson.version}: {learnt}" if lesson else "no model answered yet"
    return Reading(None, ReadingState.INSUFFICIENT, 0, *window, note)


def stepped(window: tuple[float, float], step_s: int) -> tuple[float, float]:
    """A window from the beginning of the step that its start lies in."""
    return window[0] // step_s * step_s, window[1]

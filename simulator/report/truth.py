"""The truth about an injected fault, which no monitor ever sees."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """``off_at_s`` is None while the fault is still on. ``right_actions`` empty: do nothing.

    ``deadline_s``: how soon after ``on_at_s`` one of the right actions must be public; None: no
    deadline is set.
    """

    name: str
    on_at_s: float
    off_at_s: float | None
    cause: str
    right_actions: tuple[str, ...]
    must_act: bool
    deadline_s: float | None = None

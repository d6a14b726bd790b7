"""From what a new term may start: the store, this disk's copy, the settings, or nothing yet.

Pure. Order matters for safety: nobody may lead from less than what any live router obeys.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.ports import Stored
from controller.shell.router_heads import PlanHead


@dataclass(frozen=True, slots=True)
class FromStore:
    """The store is whole; None: it is empty, as is all else, so settings seed the first plan."""

    stored: Stored | None


@dataclass(frozen=True, slots=True)
class RefillFirst:
    """The store lost what the copy on this disk still has."""

    copy: Stored
    sentence: str


@dataclass(frozen=True, slots=True)
class LeadNot:
    """Leading now could repeat or undo what was decided. ``pages``: a person must look."""

    sentence: str
    pages: bool


StartingPoint = FromStore | RefillFirst | LeadNot


def choose(
    stored: Stored | None, copy: Stored | None, routers: PlanHead | None, heard: bool
) -> StartingPoint:
    """Decide from the newest plan routers hold (``heard``: we listened long enough to know)."""
    best = _newer(stored, copy)
    if routers is not None and not _reaches(best, routers):
        return LeadNot(
            f"routers hold plan {routers.epoch}-{routers.revision} ({routers.head[:12]}); "
            f"the store has {_name(stored)} and this disk has {_name(copy)}: "
            "restore the store, or bring the controller that has the copy",
            pages=True,
        )
    if best is None:
        if heard:
            return FromStore(None)
        return LeadNot("the store is empty; listening for a router that holds a plan", pages=False)
    if best is stored:
        return FromStore(stored)
    return RefillFirst(
        best, f"the store has {_name(stored)}, this disk has {_name(copy)}: refilling the store"
    )


def _newer(stored: Stored | None, copy: Stored | None) -> Stored | None:
    if stored is None or copy is None:
        return stored or copy
    is_newer = (copy.epoch, copy.revision) > (stored.epoch, stored.revision)
    return copy if is_newer else stored


def _reaches(best: Stored | None, routers: PlanHead) -> bool:
    if best is None:
        return False
    have, need = (best.epoch, best.revision), (routers.epoch, routers.revision)
    return have > need or (have == need and best.head == routers.head)


def _name(stored: Stored | None) -> str:
    if stored is None:
        return "nothing"
    return f"{stored.epoch}-{stored.revision} ({stored.head[:12]})"

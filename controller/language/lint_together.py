"""Linter rules over a whole folder: playbooks that are loaded together must get on together.

Each rule is a generator of (place in the folder, draft) over playbooks that already read well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from controller.core.guards import exclude_each_other
from controller.core.playbook import (
    Action,
    Autonomy,
    CacheTtl,
    Freeze,
    Playbook,
    Promote,
    Revert,
    Route,
    Scale,
    Shed,
)
from controller.language.action_facts import facts_of
from controller.language.fields import suggestion
from controller.language.lint_subject import Draft, every_move
from controller.language.quantities import duration_text, share_text

FROZEN_WORDS = ("all", "promotions")


@dataclass(frozen=True, slots=True)
class Member:
    """One playbook of a folder, with the name of its file."""

    playbook: Playbook
    file: str


class _Wish(NamedTuple):
    """What an action wants a field of the plan to be; ``where`` limits it to a segment."""

    field: str
    value: str
    where: Mapping[str, str]
    path: str


def names_taken(folder: Sequence[Member]) -> Iterator[tuple[int, Draft]]:
    first: dict[str, str] = {}
    for place, member in enumerate(folder):
        name = member.playbook.name
        if name in first:
            what = f"the playbook {name!r} is already in {first[name]}"
            yield place, Draft("P014", "playbook", what, "accepted: a name of its own")
        first.setdefault(name, member.file)


def fights(folder: Sequence[Member]) -> Iterator[tuple[int, Draft]]:
    """One field, two values, nothing that says who wins. A shadow does not act, so it may."""
    acting = [
        (place, member, tuple(_wishes(member.playbook)))
        for place, member in enumerate(folder)
        if member.playbook.guards.autonomy is not Autonomy.SHADOW
    ]
    for (_, one, ones), (place, other, others) in combinations(acting, 2):
        clash = next(((a, b) for b in others for a in ones if _clash(a, b)), None)
        if clash is None or not _undecided(one.playbook, other.playbook):
            continue
        theirs, mine = clash
        what = (
            f"{mine.field} is {mine.value} here and {theirs.value} in {one.file}"
            f" ({one.playbook.name}), both at priority {one.playbook.guards.priority}"
        )
        advice = "accepted: another `priority` in one of them, or `excludes`"
        yield place, Draft("P043", mine.path, what, advice)


def _undecided(one: Playbook, other: Playbook) -> bool:
    return one.guards.priority == other.guards.priority and not exclude_each_other(one, other)


def _clash(one: _Wish, other: _Wish) -> bool:
    apart = any(one.where[name] != other.where[name] for name in one.where if name in other.where)
    return one.field == other.field and one.value != other.value and not apart


def _wishes(playbook: Playbook) -> Iterator[_Wish]:
    for path, move in every_move(playbook):
        wish = _wish(move.action)
        if wish is not None:
            where = move.action.where if isinstance(move.action, Route) else {}
            yield _Wish(*wish, where, f"{path}.{facts_of(move.action).name}")


def _wish(action: Action) -> tuple[str, str] | None:
    """(field, value). Shares of one route do not fight: the lowest cap wins."""
    match action:
        case Route():
            return f"where the traffic of {action.source} goes", action.target
        case Shed():
            return "the shed share", share_text(action.share)
        case CacheTtl():
            return "the cache's time to live", duration_text(action.ttl_s)
        case Scale():
            return f"the number of replicas of {action.arm}", str(action.replicas)
        case Promote() if action.arm is not None:
            return "the arm that serves", action.arm
        case Promote():
            return f"the version of {action.into}", str(action.version)
        case Revert():
            return f"the version of {action.arm}", "the one before"
        case _:
            return None


def unknown_freezes(folder: Sequence[Member]) -> Iterator[tuple[int, Draft]]:
    known = (*FROZEN_WORDS, *sorted({member.playbook.name for member in folder}))
    for place, member in enumerate(folder):
        for path, move in every_move(member.playbook):
            if isinstance(move.action, Freeze) and move.action.what not in known:
                what = f"no playbook {move.action.what!r} in this folder"
                advice = suggestion(move.action.what, known)
                yield place, Draft("P045", f"{path}.freeze.what", what, advice)


FILE_RULES = (names_taken, fights)
"""Over whatever files are checked together."""
FOLDER_RULES = (unknown_freezes,)
"""Only over a folder that was read whole."""

"""What linter rules are handed, and how they walk a playbook with the paths the reader gave it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.core.playbook import All, Comparison, Condition, Move, Not, Playbook
from controller.core.readings import SignalSpec
from controller.language.findings import Severity
from controller.language.vocabulary import Vocabulary

TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding whose place is still a field path."""

    rule: str
    path: str
    message: str
    advice: str
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Subject:
    """What every rule is handed."""

    playbook: Playbook
    vocabulary: Vocabulary

    def spec(self, leaf: Comparison) -> SignalSpec:
        return self.vocabulary.catalogue.specs[leaf.quantity.signal]

    def window_s(self, leaf: Comparison) -> float:
        """The window the leaf is judged over; 0 for a gauge."""
        given = leaf.quantity.window_s
        return given if given is not None else self.spec(leaf).default_window_s


def located(condition: Condition, path: str) -> Iterator[tuple[str, Comparison]]:
    """Every leaf with the field path the reader gave it."""
    if isinstance(condition, Comparison):
        yield path, condition
    elif isinstance(condition, Not):
        yield from located(condition.condition, f"{path}.not")
    else:
        key = "all" if isinstance(condition, All) else "any"
        for i, part in enumerate(condition.conditions):
            yield from located(part, f"{path}.{key}[{i}]")


def rung_path(number: int) -> str:
    """Rung 0 is ``do``, the others are ``otherwise[0]``, ``otherwise[1]``, …"""
    return "do" if number == 0 else f"otherwise[{number - 1}]"


def every_move(playbook: Playbook) -> Iterator[tuple[str, Move]]:
    """Every move with its path, like ``otherwise[0][1]``."""
    for number, rung in enumerate(playbook.rungs):
        for i, move in enumerate(rung):
            yield f"{rung_path(number)}[{i}]", move


def expectations(playbook: Playbook) -> Iterator[tuple[str, Condition, float]]:
    """(path, condition, within_s) of every move that expects something."""
    for path, move in every_move(playbook):
        if move.expect is not None:
            yield f"{path}.expect", move.expect, move.within_s


def every_leaf(playbook: Playbook) -> Iterator[tuple[str, Comparison]]:
    yield from located(playbook.when, "when")
    yield from located(playbook.clear_when, "clear_when")
    for path, condition, _ in expectations(playbook):
        yield from located(condition, path)

"""A second judge beside production: the same facts, other playbooks, nothing published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.facts import Fact
from controller.core.playbook import Playbook
from controller.core.records import Record
from controller.core.state import JudgeState, state_from_document
from controller.core.step import step
from controller.shell.what_if import OtherJudge


@dataclass(frozen=True, slots=True)
class Decided:
    """What one fact led to: in production, and by the other playbooks."""

    at_s: float
    did: tuple[Record, ...]
    would: tuple[Record, ...]


class SideBySide:
    """Steps both. Production's records are told as decided, before the fate of their commit."""

    def __init__(self, playbooks: tuple[Playbook, ...]) -> None:
        self._other = OtherJudge(playbooks)
        self._production: JudgeState | None = None

    def begin(self, header: Mapping[str, Any]) -> None:
        """A segment of the journal begins."""
        self._production = state_from_document(header["state"])
        self._other.begin(header)

    def take(self, fact: Fact) -> Decided:
        """Judge one fact twice; `begin` comes before."""
        assert self._production is not None, "begin comes before take"
        stepped = step(self._production, fact)
        self._production = stepped.state
        return Decided(fact.at_s, stepped.records, self._other.take(fact))

    def unrecorded(self) -> tuple[str, ...]:
        """Readings the other playbooks name, which no tick held so far."""
        return self._other.unrecorded()

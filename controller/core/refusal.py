"""A guard's no: a value with a sentence, and a key that says when it became another no."""

from __future__ import annotations

from dataclasses import dataclass

from controller.core.records import Refusal


@dataclass(frozen=True, slots=True)
class Refused:
    """``key`` stays the same for as long as this is the same refusal; the sentence need not."""

    guard: str
    key: str
    sentence: str
    lets_join: bool = False
    """It does not keep a playbook from joining a change that is in the plan already."""
    needs_a_person: bool = False
    """What it stops stays unhealed unless somebody looks."""

    def as_refusal(self) -> Refusal:
        return Refusal(self.guard, self.sentence)

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

    def as_refusal(self) -> Refusal:
        return Refusal(self.guard, self.sentence)

"""A key that is one object, however large: what follows from it is computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class ById(Generic[T]):
    """Equal only to another key of the very same object, which it keeps alive.

    Right for frozen objects alone: what was computed from one stays true of it.
    """

    it: T

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and other.it is self.it

"""A request that is turned away: a status, and what, where and what is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made


@dataclass(frozen=True, slots=True)
class Reason:
    """``field`` is empty where no single one is to blame; ``more`` stands beside the error."""

    status: int
    what: str
    field: str = ""
    accepted: str = ""
    more: Mapping[str, object] = made(default_factory=dict)
    headers: Mapping[str, str] = made(default_factory=dict)

    def document(self) -> dict[str, object]:
        error = {"what": self.what, "field": self.field, "accepted": self.accepted}
        return {"error": error, **self.more}


class Refusal(Exception):
    """Carries the reason to where it is answered."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.what)
        self.reason = reason

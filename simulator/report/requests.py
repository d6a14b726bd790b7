"""What a report asks of all requests of a run, whether each was kept or only counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

QUIET_S = 2.0
"""Bad requests are gone when none follows for this long."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one span. ``clicked`` and ``served_by`` count valid slates."""

    requests: int
    not_sent: int
    valid: int
    clicked: int
    served_by: Mapping[str, int]
    p95_ms: float | None
    """Over all that was sent, from the intended start; None of nothing."""
    expected_clicked: float | None
    """Sum of the true chances of a click on the valid slates; None where nobody knows them."""

    @property
    def availability(self) -> float | None:
        """Valid slates of all intended requests; None of nothing."""
        return self.valid / self.requests if self.requests else None


class Requests(Protocol):
    """Filled by `Exchanges` (each request kept) and by `Windows` (counts per equal span)."""

    def __len__(self) -> int:
        """How many were intended."""

    def totals(self, from_s: float, to_s: float) -> Totals:
        """Of those intended from ``from_s`` until before ``to_s``.

        `Windows` count whole seconds, by their start, and take ``p95_ms`` of whole windows.
        """

    def problems(self) -> dict[str, int]:
        """How many answers were not valid, by what was wrong, the most frequent first."""

    def bad_gone_at_s(self, from_s: float) -> float | None:
        """End of the first bad request after ``from_s`` that no other follows within `QUIET_S`.

        Bad is not valid, or degraded. None: nothing was bad.
        """

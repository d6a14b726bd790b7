"""What became of each request, as the user met it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exchange:
    """One intended request. ``latency_ms`` counts from the intended start, ``service_ms`` from the
    sending; both are None when it could not be sent. ``problem`` is empty for a valid slate."""

    number: int
    intended_at_s: float
    sent: bool
    latency_ms: float | None = None
    service_ms: float | None = None
    problem: str = ""
    served_by: str = ""
    arm: str = ""
    degraded: bool = False
    clicks: int = 0

    @property
    def valid(self) -> bool:
        """Answered with k distinct known items and a token."""
        return self.sent and not self.problem

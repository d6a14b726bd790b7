"""Probes: how often a router copies a live request to an arm without a user waiting."""

from __future__ import annotations

from collections.abc import Mapping

PROBE_BURST = 2.0
"""More than one, or what requests arrive too late to take would be lost for good."""


class TokenBucket:
    """Lets through ``rate_per_s`` on average, and at most ``burst`` at once."""

    def __init__(self, rate_per_s: float, burst: float = 1.0) -> None:
        self.rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = 0.0
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        if self._at_s is not None:
            gained = max(0.0, now_s - self._at_s) * self.rate_per_s
            self._tokens = min(self._burst, self._tokens + gained)
        self._at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class ProbeSchedule:
    """One bucket per arm. The plan's rates are for the whole service, so routers divide them."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}

    def due(
        self, now_s: float, rate_per_s: Mapping[str, float], live_routers: int
    ) -> tuple[str, ...]:
        """Arms a copy of the present request goes to."""
        due = []
        for arm, rate in rate_per_s.items():
            if rate <= 0.0:
                continue
            bucket = self._buckets.setdefault(arm, TokenBucket(0.0, PROBE_BURST))
            bucket.rate_per_s = rate / max(1, live_routers)
            if bucket.take(now_s):
                due.append(arm)
        return tuple(due)


def probe_rates(
    planned: Mapping[str, float], open_arms: frozenset[str], default_per_s: float
) -> dict[str, float]:
    """The plan's rates, and the default one for an arm whose breaker only probes can close."""
    rates = dict(planned)
    for arm in sorted(open_arms):  # a set's own order differs from process to process
        rates[arm] = max(rates.get(arm, 0.0), default_per_s)
    return rates

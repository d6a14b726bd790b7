"""How attempts and requests are classed for telemetry."""

from __future__ import annotations

from typing import Literal

AttemptResult = Literal["ok", "late", "error", "cancelled", "skipped"]
Outcome = Literal["ok", "late", "error", "shed", "invalid"]

CACHE_HIT = "cache_hit"
"""Skipped for an answer in the cache: does not count against the arm."""
BREAKER_OPEN = "breaker_open"
"""Skipped by the breaker while its latest probe failed: counts as bad."""
BREAKER_PROBE_OK = "breaker_probe_ok"
"""Skipped by the breaker though its latest probe was good: does not count."""
NO_TIME = "no_time"
"""The request's budget was gone before the attempt began."""


def is_bad(result: AttemptResult) -> bool:
    return result in ("late", "error")


def breaker_reason(last_probe_good: bool | None) -> str:
    return BREAKER_PROBE_OK if last_probe_good else BREAKER_OPEN


def request_outcome(*, shed: bool, latency_ms: float, deadline_ms: float) -> Outcome:
    """Of a request that got a slate."""
    if latency_ms > deadline_ms:
        return "late"
    return "shed" if shed else "ok"


def is_degraded(*, drawn: str | None, served_by: str, outcome: Outcome) -> bool:
    """Answered by another arm than the one drawn, by the last resort, or late."""
    return outcome != "ok" or served_by != drawn

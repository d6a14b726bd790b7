"""Before, during and after: the same measures over three spans of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from simulator.report.evidence import Evidence
from simulator.report.exchanges import Exchange
from simulator.report.incidents import incidents
from simulator.report.watched import series


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """Shares are 0 to 1; None where nothing was there to measure.

    ``availability``: valid slates of all intended requests, so what was not sent counts against
    it. ``users_p95_ms`` counts from the intended start, over all that was sent. ``ctr``: valid
    slates with a click. ``primary_p95_ms`` and ``primary_p95_max_ms``: median and worst of the
    monitor's readings in the span.
    """

    name: str
    from_s: float
    to_s: float
    requests: int
    not_sent: int
    availability: float | None
    users_p95_ms: float | None
    primary_p95_ms: float | None
    primary_p95_max_ms: float | None
    ctr: float | None
    fallback_share: float | None


def phases(evidence: Evidence) -> list[PhaseReport]:
    """One span without a fault; else before, during (fault on until recovered) and after."""
    start, end = evidence.started_at_s, evidence.ended_at_s
    if not evidence.truths:
        return [_phase(evidence, "whole run", start, end)]
    on = min(truth.on_at_s for truth in evidence.truths)
    over = recovered_at_s(evidence)
    spans = [("before", start, on), ("during", on, over), ("after", over, end)]
    return [_phase(evidence, name, a, b) for name, a, b in spans]


def recovered_at_s(evidence: Evidence) -> float:
    """When every fault was off and every incident over; the end of the run if never."""
    last = [truth.off_at_s for truth in evidence.truths]
    last += [i.last_at_s if i.recovered else None for i in incidents(evidence)]
    known = [at_s for at_s in last if at_s is not None]
    return max(known) if len(known) == len(last) and known else evidence.ended_at_s


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank, without interpolation; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _phase(evidence: Evidence, name: str, from_s: float, to_s: float) -> PhaseReport:
    span = [e for e in evidence.exchanges if from_s <= e.intended_at_s < to_s]
    valid = [e for e in span if e.valid]
    signal = f"arm_latency_ms.p95{{arm={evidence.watched_arm}}}"
    primary = [value for at_s, value in series(evidence, signal) if from_s <= at_s < to_s]
    return PhaseReport(
        name=name,
        from_s=from_s,
        to_s=to_s,
        requests=len(span),
        not_sent=sum(not e.sent for e in span),
        availability=_share(valid, span),
        users_p95_ms=percentile([e.latency_ms for e in span if e.latency_ms is not None], 0.95),
        primary_p95_ms=median(primary) if primary else None,
        primary_p95_max_ms=max(primary, default=None),
        ctr=_share([e for e in valid if e.clicks], valid),
        fallback_share=_share([e for e in valid if e.served_by != evidence.watched_arm], valid),
    )


def _share(part: Sequence[Exchange], whole: Sequence[Exchange]) -> float | None:
    return len(part) / len(whole) if whole else None

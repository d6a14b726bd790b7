"""Before, during and after: the same measures over three spans of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.report.evidence import Evidence
from simulator.report.incidents import incidents
from simulator.report.watched import series


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """Shares are 0 to 1; None where nothing was there to measure.

    ``availability``: valid slates of all intended requests, so what was not sent counts against
    it. ``users_p95_ms`` counts from the intended start, over all that was sent. ``ctr``: valid
    slates with a click; ``true_ctr``: what the same slates were worth, where the world knows it
    (so lost clicks and bad slates are told apart). ``primary_p95_ms`` and
    ``primary_p95_max_ms``: median and worst of the monitor's readings in the span.
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
    true_ctr: float | None = None


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


def _phase(evidence: Evidence, name: str, from_s: float, to_s: float) -> PhaseReport:
    total = evidence.exchanges.totals(from_s, to_s)
    primary = series(evidence, f"arm_latency_ms.p95{{arm={evidence.watched_arm}}}")
    read_ms = np.zeros(0) if primary is None else primary.between(from_s, to_s).value
    by_others = total.valid - total.served_by.get(evidence.watched_arm, 0)
    return PhaseReport(
        name=name,
        from_s=from_s,
        to_s=to_s,
        requests=total.requests,
        not_sent=total.not_sent,
        availability=total.availability,
        users_p95_ms=total.p95_ms,
        primary_p95_ms=float(np.median(read_ms)) if len(read_ms) else None,
        primary_p95_max_ms=float(read_ms.max()) if len(read_ms) else None,
        ctr=_share(total.clicked, total.valid),
        fallback_share=_share(by_others, total.valid),
        true_ctr=_share(total.expected_clicked, total.valid),
    )


def _share(part: float | None, whole: int) -> float | None:
    return None if part is None or not whole else part / whole

"""The buckets and quantiles every latency signal shares."""

from __future__ import annotations

import numpy as np

from controller.core.readings import SignalSpec
from controller.monitors.tick import SYSTEM_WINDOW_S
from controller.statistics.log_histogram import LogBuckets

LATENCY_MS = LogBuckets(least=0.05, maximum=60_000.0)
"""What was cut, skipped or never came back counts as the maximum, shown as ``> 60000``."""
COARSE_MS = LogBuckets(least=0.5, maximum=60_000.0, relative_error=0.04)
"""For the many series of routes and probes: a fifth of the memory, within 5 % of exact."""
COARSE_OF = COARSE_MS.index(
    np.array([*(LATENCY_MS.value_at(n) for n in range(LATENCY_MS.size - 1)), np.inf])
)
"""The coarse bucket of each fine one; the last, of what has no time, stays the last."""
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def least_sample_of(share: float) -> int:
    """So many that the quantile is not simply the slowest one: 20 for p95, 100 for p99."""
    return max(20, round(1.0 / (1.0 - share)))


def latency_specs(
    name: str, labels: tuple[str, ...], what: str, *, users_only: bool = False
) -> dict[float, SignalSpec]:
    """One signal per quantile: ``name.p50`` and so on, by the quantile's share."""
    return {
        share: SignalSpec(
            f"{name}.{quantile}",
            "ms",
            labels,
            least_sample_of(share),
            SYSTEM_WINDOW_S,
            f"{quantile} {what}",
            maximum=LATENCY_MS.maximum,
            users_only=users_only,
            harm="high",
        )
        for quantile, share in QUANTILES.items()
    }

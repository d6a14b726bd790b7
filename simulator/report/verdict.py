"""How a run is summed up, on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.report.report import Report


def verdict(report: Report, met: Sequence[bool], broken: int) -> tuple[bool, str]:
    """Whether it passed, in words too. ``met``: each expectation; ``broken``: invariants.

    With expectations they decide, without them whether the faults were healed: a scenario may end
    while its fault still lasts.
    """
    good = all(met) and not broken if met else report.passed
    parts = [f"{report.availability:.3%} of {report.requests:,} requests got a valid slate"]
    if met:
        parts.append(f"{sum(met)} of {len(met)} expectations met")
    elif report.healings:
        parts.append("healed" if report.healed else "not healed")
    if broken:
        parts.append(f"{broken} invariants broken")
    return good, f"{'Passed' if good else 'Failed'}: {'; '.join(parts)}"

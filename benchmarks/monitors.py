"""Monitors and detectors, each beside its peer or floor from the same run.

``python -m benchmarks.monitors [--quick] [--json]``. CPU time of this process, since
other programs share the machine; where wall time counts (two workers at once) the figure says so.
The full form takes about two hours, nearly all for the two weeks of the whole path at its end.
That killing Ray stops no reading is a test: `tests/live/test_kills.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks import (
    calibrate,
    controller_tick,
    monitors_anomaly,
    monitors_causes,
    monitors_change,
    monitors_ctr,
    monitors_drift,
    monitors_histogram,
    monitors_ingest,
    monitors_telemetry,
    monitors_workers,
)
from benchmarks.figure import Figure, run_benchmark

THEMES: Mapping[str, Callable[[bool], Iterator[Figure]]] = {
    "histogram": monitors_histogram.figures,
    "ingest": monitors_ingest.figures,
    "tick": controller_tick.figures,
    "telemetry": monitors_telemetry.figures,
    "workers": monitors_workers.figures,
    "drift": monitors_drift.figures,
    "causes": monitors_causes.figures,
    "anomaly": monitors_anomaly.figures,
    "change": monitors_change.figures,
    "ctr": monitors_ctr.figures,
    "calibrate": calibrate.figures,
}


def figures(quick: bool) -> Iterator[Figure]:
    for theme in THEMES.values():
        yield from theme(quick)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every goal holds in this run, else 1."""
    return run_benchmark(__doc__ or "", arguments, figures)


if __name__ == "__main__":
    sys.exit(main())

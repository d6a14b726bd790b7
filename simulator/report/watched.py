"""Series out of the controller's readings, by signal name."""

from __future__ import annotations

import re

from simulator.report.evidence import Evidence

_WINDOW = re.compile(r"\[([0-9.e+]+)s\]$")


def series(evidence: Evidence, signal: str) -> list[tuple[float, float]]:
    """(at_s, value) of ``ok`` samples of ``signal`` (with labels) at its shortest window."""
    found = []
    for sample in evidence.readings:
        matching = [
            reading
            for reading in sample["readings"]
            if _WINDOW.sub("", reading["signal"]) == signal and reading["state"] == "ok"
        ]
        if matching:
            shortest = min(matching, key=lambda reading: _window_s(reading["signal"]))
            found.append((float(sample["at_s"]), float(shortest["value"])))
    return found


def _window_s(signal: str) -> float:
    match = _WINDOW.search(signal)
    return float(match[1]) if match else 0.0

"""Which of the controller's series a report looks at, by signal name."""

from __future__ import annotations

import re

from simulator.report.evidence import Evidence
from simulator.report.series import Series

_WINDOW = re.compile(r"\[([0-9.e+]+)s\]$")


def series(evidence: Evidence, signal: str) -> Series | None:
    """``signal`` (with labels) at its shortest window, ``ok`` samples only; None: never read."""
    named = [key for key in evidence.signals if without_window(key) == signal]
    if not named:
        return None
    return evidence.signals[min(named, key=window_s)].ok()


def without_window(signal: str) -> str:
    """``arm_bad{arm=primary}[5s]`` is ``arm_bad{arm=primary}``."""
    return _WINDOW.sub("", signal)


def window_s(signal: str) -> float:
    """0 where none is named."""
    match = _WINDOW.search(signal)
    return float(match[1]) if match else 0.0

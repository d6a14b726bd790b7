"""Numbers of a test: moments and values with units, text to number and back."""

from __future__ import annotations

import re

from controller.language.quantities import (
    DURATIONS_S,
    EXAMPLES,
    UNITS_OF,
    duration_s,
    in_unit,
    plain,
    threshold_text,
)

NEVER_NEGATIVE = ("ms", "s")
"""Units of signals that are times."""
_VALUE = re.compile(r"\s*(-?[0-9]+(?:\.[0-9]+)?)\s*([^\s0-9.]*)\s*", re.ASCII)
_RATE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s+per\s+(\S+)\s*", re.ASCII)


def moment_s(text: str) -> float:
    """``90s`` to 90.0 from the start; also ``0s``. Raise ValueError that says what is accepted."""
    return 0.0 if text.strip() in ("0", "0s") else duration_s(text)


def moment_text(value_s: float) -> str:
    """The inverse of ``moment_s``; always in seconds, so that moments are easy to compare."""
    return f"{plain(value_s)}s"


def value_in(text: str, unit: str) -> float:
    """``250ms`` in the unit of its signal. Raise ValueError that says what is accepted.

    Rates (``per_s``, also those of anomalies) may be written ``1 per 30d``.
    """
    rate = _RATE.fullmatch(text) if unit == "per_s" else None
    if rate is not None:
        return float(rate[1]) / duration_s(rate[2])
    match = _VALUE.fullmatch(text)
    factor = UNITS_OF[unit].get(match[2]) if match is not None else None
    if match is None or factor is None:
        raise ValueError(f"{text!r} is not in the unit of its signal; accepted: {EXAMPLES[unit]}")
    return in_unit(match[1], factor)


def value_text(value: float, unit: str) -> str:
    """The inverse of ``value_in``."""
    return threshold_text(value, unit)


def whole_ticks(value_s: float, tick_s: float) -> bool:
    """Whether a moment is at a tick."""
    return abs(value_s / tick_s - round(value_s / tick_s)) < 1e-9


def is_duration(text: str) -> bool:
    """Whether the text has the form of a duration, whatever its value."""
    match = _VALUE.fullmatch(text)
    return match is not None and match[2] in DURATIONS_S

"""Durations, shares and thresholds: text with a unit to a number, and back.

Pure text and arithmetic; raises ValueError whose message ends in what is accepted. Knows neither
YAML nor the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from controller.core.state import TIMES_LIMIT

DURATIONS_S: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

MAX_SPAN_S = 30 * DURATIONS_S["d"]
"""Nothing is waited for, held or counted longer than this."""

UNITS_OF: Mapping[str, Mapping[str, float]] = {
    "ms": {"ms": 1.0, "s": 1_000.0, "m": 60_000.0},
    "s": DURATIONS_S,
    "share": {"%": 0.01},
    "count": {"": 1.0, "count": 1.0},
    "value": {"": 1.0},
    "per_s": {"/s": 1.0},
}
"""A signal's unit to the units its thresholds are written in, each with its factor."""

EXAMPLES: Mapping[str, str] = {
    "ms": "ms, s or m, like 200ms",
    "s": "ms, s, m, h or d, like 30s",
    "share": "%, like 5%",
    "count": "a bare number or count, like 3",
    "value": "a bare number, like 0.2",
    "per_s": "/s, like 10/s",
}

_NUMBER_AND_UNIT = re.compile(r"\s*(-?[0-9]+(?:\.[0-9]+)?)\s*([^\s0-9.]*)\s*", re.ASCII)
_BUDGET = re.compile(r"\s*([0-9]{1,6})\s+per\s+(\S+)\s*", re.ASCII)


def duration_s(text: str) -> float:
    """``10m`` to 600.0 seconds."""
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None or match[2] not in DURATIONS_S or float(match[1]) <= 0.0:
        raise ValueError(
            f"{text!r} is not a duration; accepted: a number above 0 with ms, s, m, h or d"
        )
    return in_unit(match[1], DURATIONS_S[match[2]])


def share(text: str) -> float:
    """``20%`` to 0.2; from 0 to 1."""
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None or match[2] != "%" or not 0.0 <= float(match[1]) <= 100.0:
        raise ValueError(f"{text!r} is not a share; accepted: 0% to 100%, like 20%")
    return in_unit(match[1], 0.01)


MOST_BUDGETED = TIMES_LIMIT
"""So many acts of a playbook are remembered; a larger budget would never bind."""


def budget(text: str) -> tuple[int, float]:
    """``3 per 1h`` to (3, 3600.0)."""
    match = _BUDGET.fullmatch(text)
    try:
        if match is None or int(match[1]) < 1:
            raise ValueError
        return int(match[1]), duration_s(match[2])
    except ValueError:
        raise ValueError(
            f"{text!r} is not a budget; accepted: COUNT per DURATION, like 3 per 1h"
        ) from None


def budget_of_acts(text: str) -> tuple[int, float]:
    """The same, of no more than can be counted."""
    count, per_s = budget(text)
    if count > MOST_BUDGETED:
        raise ValueError(f"{text!r} would never bind; accepted: a count of 1 to {MOST_BUDGETED}")
    return count, per_s


def in_unit(number: str, factor: float) -> float:
    """Scale so that ``0.1 %`` is exactly the float 0.001: divide where the factor is below 1."""
    value = float(number)
    return value / round(1.0 / factor) if factor < 1.0 else value * factor


def duration_text(value_s: float) -> str:
    """Seconds in the largest unit that divides them; ``duration_s`` reads the same number back."""
    for unit in ("d", "h", "m"):
        factor = DURATIONS_S[unit]
        if value_s >= factor and value_s % factor == 0.0:
            return f"{int(value_s // factor)}{unit}"
    if value_s < 1.0 and duration_s(f"{value_s * 1000:.6f}ms") == value_s:
        return f"{plain(value_s * 1000)}ms"
    return f"{plain(value_s)}s"


def share_text(value: float) -> str:
    """0.2 to ``20%``."""
    return f"{percent(value)}%"


def threshold_text(value: float, unit: str) -> str:
    """A threshold in the unit of its signal, as the grammar reads it."""
    if unit == "share":
        return share_text(value)
    return plain(value) + {"ms": "ms", "s": "s", "per_s": "/s"}.get(unit, "")


def percent(value: float) -> str:
    """The shortest decimal that divided by 100 is ``value`` again."""
    for digits in range(18):
        text = f"{value * 100:.{digits}f}"
        if float(text) / 100 == value:
            return text
    return plain(value * 100)


def plain(value: float) -> str:
    """A float without exponent, reading back as the same float."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    return f"{value:.24f}".rstrip("0") if "e" in text else text

"""Moments as people write and read them: local ISO time, the time of day, or `2h ago`."""

from __future__ import annotations

import re
from datetime import datetime
from datetime import time as day_time

from controller.core.wording import duration
from controller.errors import BadInput
from controller.language.quantities import DURATIONS_S

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])(?:\s+ago)?")
_ACCEPTED = "2026-05-04T13:20, 13:20:05 (today), 1764000000, 2h ago or now"


def parse_moment(text: str, now_s: float, option: str = "") -> float:
    """Seconds since 1970. A time without a zone is local. Raise BadInput naming ``option``."""
    stripped = text.strip()
    if stripped == "now":
        return now_s
    ago = _AGO.fullmatch(stripped)
    if ago is not None:
        return now_s - float(ago[1]) * DURATIONS_S[ago[2]]
    if re.fullmatch(r"\d{9,10}(\.\d+)?", stripped):
        return float(stripped)
    try:
        return _iso(stripped, now_s)
    except (ValueError, OverflowError, OSError):
        raise BadInput(f"is not a time: {text!r}; accepted: {_ACCEPTED}", field=option) from None


def _iso(text: str, now_s: float) -> float:
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
        today = datetime.fromtimestamp(now_s).astimezone().date()
        of_day = day_time.fromisoformat(text.zfill(5) if text.count(":") == 1 else text.zfill(8))
        return datetime.combine(today, of_day).astimezone().timestamp()
    return datetime.fromisoformat(text).astimezone().timestamp()


def local_iso(at_s: float) -> str:
    """``2026-05-04T13:20:05+02:00``"""
    return datetime.fromtimestamp(at_s).astimezone().isoformat(timespec="seconds")


def age(at_s: float, now_s: float) -> str:
    """``2 h``, or ``in 5 min`` for what is still to come."""
    past_s = now_s - at_s
    return f"in {_rough(-past_s)}" if past_s < 0.0 else _rough(past_s)


def _rough(span_s: float) -> str:
    return f"{span_s / 86_400.0:.0f} d" if span_s >= 2 * 86_400.0 else duration(round(span_s))


def with_age(at_s: float, now_s: float) -> str:
    """``2026-05-04T13:20:05+02:00 (2 h ago)``"""
    told = age(at_s, now_s)
    return f"{local_iso(at_s)} ({told if told.startswith('in ') else f'{told} ago'})"

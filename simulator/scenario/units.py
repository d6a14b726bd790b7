"""The values of a scenario's YAML: text with a unit (`60s`, `5%`, `50/s`, `2%/day`) to a number.

Quantities are those of the playbook language. Every refusal ends in what is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from controller.language.quantities import duration_s, in_unit, share

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_S = 31 * 86_400.0
DURATION_HELP = "a duration, like 60s, 10m, 400ms or 2h"
_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,62}", re.ASCII)
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*/\s*(s|m|h|day)", re.ASCII)
_PER_S = {"s": 1.0, "m": 60.0, "h": 3_600.0, "day": 86_400.0}
_STARTS = re.compile(r"(?:([a-z]{3})\s+)?([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


def refused(value: object, accepted: str) -> ValueError:
    """``is 'x'; accepted: …``"""
    shown = "empty" if value in (None, "") else repr(value)
    return ValueError(f"is {shown}; accepted: {accepted}")


def span_s(value: object) -> float:
    """A duration above 0 in seconds, at most `LONGEST_S`."""
    try:
        found = duration_s(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found > LONGEST_S:
        raise refused(value, f"{DURATION_HELP}, at most 31d")
    return found


def moment_s(value: object) -> float:
    """Seconds since the start of the run; ``0s`` is one."""
    return 0.0 if value == "0s" else span_s(value)


def span_ms(value: object) -> float:
    return round(span_s(value) * 1_000.0, 6)


def fraction(value: object) -> float:
    try:
        if isinstance(value, str):
            return round(share(value), 12)  # 99.9 % is 0.999, not the float beside it
    except ValueError:
        pass
    raise refused(value, "0% to 100%, like 20%")


def per_s(value: object) -> float:
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    rate = float(match[1]) / _PER_S[match[2]] if match else 0.0
    if not 0.0 < rate <= 10_000.0:
        raise refused(value, "a rate above 0, like 50/s, at most 10000/s")
    return rate


def count_per_day(value: object) -> float:
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2] != "day":
        raise refused(value, "a number per day, like 2/day")
    return float(match[1])


def fraction_per_day(value: object) -> float:
    text, slash, unit = value.rpartition("/") if isinstance(value, str) else ("", "", "")
    if not slash or unit.strip() != "day":
        raise refused(value, "a share per day, like 2%/day")
    number = text.strip().removesuffix("%")
    if not text.strip().endswith("%") or not re.fullmatch(r"\d+(\.\d+)?", number, re.ASCII):
        raise refused(value, "a share per day, like 2%/day")
    return in_unit(number, 0.01)


def week_s(value: object) -> float:
    """``mon 09:00`` or ``09:00`` (a Monday) in seconds since the week began."""
    match = _STARTS.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if match is None or (match[1] or DAYS[0]) not in DAYS:
        raise refused(value, "a day and a time, like mon 09:00")
    day = DAYS.index(match[1] or DAYS[0])
    return day * 86_400.0 + int(match[2]) * 3_600.0 + int(match[3]) * 60.0


def text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise refused(value, "text")
    return value.strip()


def name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise refused(value, "lower-case letters, digits, - and _, like slow-primary")
    return value


def segment_values(value: object) -> tuple[tuple[str, str], ...]:
    """``{platform: ios}`` as pairs."""
    if isinstance(value, dict) and value:
        pairs = tuple(value.items())
        if all(isinstance(part, str) for pair in pairs for part in pair):
            return pairs
    raise refused(value, "segments and their values, like {platform: ios}")


def number_between(least: float, most: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= float(value) <= most:  # type: ignore[arg-type]
            raise refused(value, f"a number from {least:g} to {most:g}")
        return float(value)  # type: ignore[arg-type]

    return read


def whole_between(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise refused(value, f"a whole number from {least} to {most}")
        return value

    return read


def choice_of(*accepted: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in accepted:
            raise refused(value, ", ".join(accepted))
        return str(value)

    return read


def _texts(example: str, pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


def _numbers(kind: str, least: float, most: float) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, "minimum": least, "maximum": most})


_DURATION = r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*$"
Span = Annotated[float, BeforeValidator(span_s), _texts("60s", _DURATION)]
Moment = Annotated[float, BeforeValidator(moment_s), _texts("60s", _DURATION)]
Milliseconds = Annotated[float, BeforeValidator(span_ms), _texts("400ms", _DURATION)]
Share = Annotated[float, BeforeValidator(fraction), _texts("20%", r"%\s*$")]
Rate = Annotated[float, BeforeValidator(per_s), _texts("50/s", r"/\s*(s|m|h|day)\s*$")]
PerDay = Annotated[float, BeforeValidator(count_per_day), _texts("2/day", r"/\s*day\s*$")]
SharePerDay = Annotated[float, BeforeValidator(fraction_per_day), _texts("2%/day", r"%/day$")]
WeekTime = Annotated[float, BeforeValidator(week_s), _texts("mon 09:00", r"[0-9]:[0-9]{2}$")]
Text = Annotated[str, BeforeValidator(text)]
Where = Annotated[
    tuple[tuple[str, str], ...],
    BeforeValidator(segment_values),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
Name = Annotated[str, BeforeValidator(name), _texts("slow-primary", f"^{_NAME.pattern}$")]


def number(least: float, most: float) -> Any:
    """The type of a bare number in a range."""
    return Annotated[
        float, BeforeValidator(number_between(least, most)), _numbers("number", least, most)
    ]


def whole(least: int, most: int) -> Any:
    """The type of a whole number in a range."""
    return Annotated[
        int, BeforeValidator(whole_between(least, most)), _numbers("integer", least, most)
    ]


def choice(*accepted: str) -> Any:
    """The type of one of these words."""
    schema = WithJsonSchema({"type": "string", "enum": list(accepted)})
    return Annotated[str, BeforeValidator(choice_of(*accepted)), schema]

"""Reads the texts of playbooks for itself: conditions, durations, budgets. Decides nothing.

A second, smaller reader than the one that is judged, so that a mistake there shows here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from controller.core.readings import SignalKey

_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SPAN = r"\d+(?:\.\d+)?\s*(?:ms|s|m|h|d)"
_TICKS = r"\d+\s+ticks"
_SIGNAL = (
    r"(?P<name>[A-Za-z_][\w\-]*(?:\.[\w\-]+)*)\s*(?P<labels>\{[^}]*\})?\s*(?P<window>\[[^\]]*\])?"
)
_CONDITION = re.compile(
    rf"\s*(?P<call>(?:anomaly|change|lift)\s*\(\s*)?{_SIGNAL}"
    r"(?:(?P<arguments>[^)]*)\)\s*(?P<part>\.[a-z]+)?)?"
    r"\s*(?P<rest>.*?)"
    rf"(?:\s*\b(?:for\s+(?P<for>{_SPAN})|for\s+{_TICKS}|\d+\s+times\s+within\s+{_SPAN}))?\s*",
    re.ASCII | re.DOTALL,
)
_COMPARED = re.compile(r"(?P<op><=|>=|<|>)\s*(?P<number>-?\d+(?:\.\d+)?)\s*(?P<unit>\S*)", re.ASCII)
_RARER = re.compile(rf"rarer\s+than\s+(?P<number>\d+(?:\.\d+)?)\s+per\s+(?P<per>{_SPAN})", re.ASCII)
_LABEL = re.compile(r'(\w+)\s*=\s*("[^"]*"|[^,}\s]+)', re.ASCII)
_EXPECTED = re.compile(rf"(?P<condition>.*)\bwithin\s+(?P<within>{_SPAN})\s*", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Compared:
    """``window_s`` None: the signal's own. ``number`` is in ``unit`` as written.

    A count (`for 5 ticks`, `3 times within 10m`) is read and not checked: ``for_s`` is 0.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    window_s: float | None
    op: str
    number: float
    unit: str
    for_s: float

    def key(self, default_windows_s: Mapping[str, float]) -> SignalKey:
        """The reading it names."""
        window_s = self.window_s
        if window_s is None:
            window_s = default_windows_s.get(self.name, 0.0)
        return SignalKey(self.name, self.labels, window_s)

    def threshold(self, signal_unit: str) -> float:
        """In the unit of its signal."""
        if signal_unit == "ms":
            return self.number * _SECONDS[self.unit] * 1_000.0
        if signal_unit == "s":
            return self.number * _SECONDS[self.unit]
        return self.number / 100.0 if self.unit == "%" else self.number

    def holds(self, value: float, threshold: float) -> bool:
        """Whether the value is on the side that is meant."""
        beyond = value > threshold if self.op[0] == ">" else value < threshold
        return beyond or (len(self.op) == 2 and value == threshold)


@lru_cache(maxsize=4096)
def compared(text: str) -> Compared:
    """One condition. Raise ValueError for what is not one."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a condition")
    name, rest = found["name"], found["rest"]
    if found["call"]:
        more = [part.strip() for part in (found["arguments"] or "").split(",") if part.strip()]
        name = f"{found['call'].split('(')[0].strip()}({','.join([name, *more])})"
        name += found["part"] or ""
    op, number, unit = ">=", 1.0, ""
    if (simple := _COMPARED.fullmatch(rest)) is not None:
        op, number, unit = simple["op"], float(simple["number"]), simple["unit"]
    elif (rarer := _RARER.fullmatch(rest)) is not None:
        op, number = "<", float(rarer["number"]) / seconds(rarer["per"])
    elif rest:
        raise ValueError(f"{text!r} is not a condition: {rest!r} is left")
    labels = sorted((n, v.strip('"')) for n, v in _LABEL.findall(found["labels"] or ""))
    window_s = seconds(found["window"].strip("[] ")) if found["window"] else None
    for_s = seconds(found["for"]) if found["for"] else 0.0
    return Compared(name, tuple(labels), window_s, op, number, unit, for_s)


def seconds(text: str) -> float:
    """``10m`` to 600. Raise ValueError for what is no duration."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*", text, re.ASCII)
    if found is None:
        raise ValueError(f"{text!r} is not a duration")
    return float(found[1]) * _SECONDS[found[2]]


def budget(text: str) -> tuple[int, float]:
    """``3 per 1h`` to (3, 3600)."""
    count, _, per = text.partition(" per ")
    return int(count), seconds(per)


def expected(move: Mapping[str, Any]) -> tuple[Any, float] | None:
    """Condition and seconds of a move's ``expect``; None when it expects nothing."""
    expect = move.get("expect")
    if expect is None:
        return None
    if isinstance(expect, Mapping):
        return expect["if"], seconds(str(expect["within"]))
    found = _EXPECTED.fullmatch(str(expect))
    if found is None:
        raise ValueError(f"{expect!r} says no `within`")
    return found["condition"].strip(), seconds(found["within"])


def leaves(tree: Any) -> Iterator[tuple[str, str | None, float]]:
    """(text, its own no_data, its for) of a tree of conditions, in reading order."""
    if isinstance(tree, str):
        yield tree, None, compared(tree).for_s
    elif "if" in tree:
        text = str(tree["if"])
        span = str(tree.get("for", ""))
        counted = re.fullmatch(_TICKS, span) is not None
        for_s = seconds(span) if span and not counted else compared(text).for_s
        yield text, tree.get("no_data"), for_s
    else:
        for part in parts(tree)[1]:
            yield from leaves(part)


def parts(tree: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """``all``, ``any`` or ``not``, and what stands under it."""
    (kind, inside), *_ = tree.items()
    return kind, [inside] if kind == "not" else list(inside)

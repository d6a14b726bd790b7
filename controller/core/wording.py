"""The words and numbers of sentences for people. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.core.causes import Cause, Verdict
from controller.core.playbook import All, AnyOf, Comparison, Condition, Move, Not
from controller.core.readings import SignalKey
from controller.core.settings import JudgeSettings

_VERDICTS: Mapping[Verdict, str] = {
    "drift": "looks like drift",
    "broken feature pipeline": "looks like a broken feature pipeline",
    "stale model": "looks like a stale model",
    "system": "looks like trouble in the system",
    "unknown": "has no known cause",
}
_SIDES = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}


def number(value: float, unit: str) -> str:
    """``412 ms``, ``1.2 %``, ``3 s``, ``20/s``, ``5``."""
    if unit == "share":
        return f"{value * 100:.4g} %"
    if unit == "per_s":
        return f"{value:.4g}/s"
    if unit in ("ms", "s"):
        shown = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
        return f"{shown} {unit}"
    return f"{value:.6g}"


def percent(share: float) -> str:
    return f"{share * 100:.4g} %"


def duration(seconds: float) -> str:
    """``45 s``, ``9 min``, ``1.5 h``."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h"


def comparison_sentence(
    leaf: Comparison,
    value: float | None,
    state: str,
    note: str,
    sample_size: int,
    span: str,
    settings: JudgeSettings,
) -> str:
    """``arm_latency_ms.p95{arm=primary} is 412 ms, above 200 ms for 2 s (n=96)``.

    ``span`` says how long or how often so far, with a blank or comma before it; or nothing.
    """
    name = str(SignalKey(leaf.quantity.signal, leaf.quantity.labels, leaf.quantity.window_s or 0.0))
    if state != "ok" or value is None:
        because = f": {note}" if note else ""
        said = "idle" if state == "idle" else f"unknown, {state}"
        return f"{name} is {said}{because} (n={sample_size})"
    side = _SIDES[leaf.op]
    limit = number(leaf.threshold, leaf.unit)
    shown = number(value, leaf.unit)
    maximum = settings.signal_maxima.get(leaf.quantity.signal)
    if maximum is not None and value >= maximum:
        shown = f"> {number(maximum, leaf.unit)}"
    if not _holds(leaf, value):
        return f"{name} is {shown}, not {side} {limit} (n={sample_size})"
    return f"{name} is {shown}, {side} {limit}{span} (n={sample_size})"


def condition_text(condition: Condition) -> str:
    """What the author wrote, joined on one line."""
    match condition:
        case Comparison():
            return condition.text
        case Not():
            return f"not ({condition_text(condition.condition)})"
        case All():
            return " and ".join(_part(each) for each in condition.conditions)
        case AnyOf():
            return " or ".join(_part(each) for each in condition.conditions)


def expected_text(moves: tuple[Move, ...]) -> str | None:
    """``degraded_share < 1% within 30 s, else next``; None when nothing is expected."""
    parts = [
        f"{condition_text(move.expect)} within {duration(move.within_s)}, else {move.otherwise}"
        for move in moves
        if move.expect is not None
    ]
    return "; ".join(parts) or None


def cause_text(verdict: Verdict, causes: Sequence[Cause]) -> str:
    """``looks like drift: platform=ios, age moved by 1 sd``; the likeliest cause alone."""
    if not causes:
        return f"{_VERDICTS[verdict]}: nothing else that is measured changed beforehand"
    return f"{_VERDICTS[verdict]}: {causes[0].sentence}"


def _part(condition: Condition) -> str:
    text = condition_text(condition)
    return f"({text})" if isinstance(condition, All | AnyOf) else text


def _holds(leaf: Comparison, value: float) -> bool:
    if leaf.op == "<":
        return value < leaf.threshold
    if leaf.op == "<=":
        return value <= leaf.threshold
    if leaf.op == ">":
        return value > leaf.threshold
    return value >= leaf.threshold

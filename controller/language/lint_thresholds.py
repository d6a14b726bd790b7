"""Linter rules about thresholds: what can never hold, always holds, or fires and clears at once.

Each rule is a generator of drafts over a playbook that already reads well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Literal

from controller.core.conditions import comparisons
from controller.core.playbook import All, AnyOf, Comparison, Condition
from controller.core.readings import SignalSpec
from controller.language.lint_subject import TICK_S, Draft, Subject, every_leaf
from controller.language.quantities import duration_text, threshold_text


def never_or_always_met(subject: Subject) -> Iterator[Draft]:
    deadline_ms = subject.vocabulary.settings.request_deadline_ms
    for path, leaf in every_leaf(subject.playbook):
        verdict, why = chance(leaf, subject.spec(leaf), deadline_ms)
        if verdict == "never":
            what = f"{leaf.text!r} can never be met: {why}"
            yield Draft("P031", path, what, "accepted: a threshold the signal can cross")
        elif verdict == "always":
            what = f"{leaf.text!r} is always met: {why}"
            advice = "accepted: a threshold the signal can cross"
            yield Draft("P041", path, what, advice, "warning")


def chance(
    leaf: Comparison, spec: SignalSpec, deadline_ms: float
) -> tuple[Literal["never", "sometimes", "always"], str]:
    """Whether any value the signal can show meets the comparison, and the bound that says so."""
    low, high = _range(leaf, spec, deadline_ms)
    threshold, upward = leaf.threshold, leaf.op in (">", ">=")
    if threshold > high or (threshold == high and leaf.op in (">", "<=")):
        return ("never" if upward else "always"), _upper_bound(spec, leaf.unit, high)
    if threshold < low or (threshold == low and leaf.op in ("<", ">=")):
        bound = f"{spec.name} is never below {threshold_text(low, leaf.unit)}"
        return ("always" if upward else "never"), bound
    return "sometimes", ""


def _range(leaf: Comparison, spec: SignalSpec, deadline_ms: float) -> tuple[float, float]:
    """The least and the largest reading there can be; functions and values may be negative."""
    is_function = "(" in spec.name
    signed = (is_function and leaf.unit != "per_s") or leaf.unit == "value"
    low = -math.inf if signed else 0.0
    if leaf.unit != spec.unit:  # how rare an anomaly is, not the anomaly's own unit
        return low, math.inf
    known = 1.0 if spec.unit == "share" and not is_function else math.inf
    high = spec.maximum if spec.maximum is not None else known
    return low, min(high, deadline_ms) if _is_users_latency(spec) else high


def _is_users_latency(spec: SignalSpec) -> bool:
    return spec.users_only and spec.unit == "ms"


def _upper_bound(spec: SignalSpec, unit: str, high: float) -> str:
    shown = threshold_text(high, unit)
    if _is_users_latency(spec) and high != spec.maximum:
        return f"every user is answered by the request deadline of {shown}"
    return f"{spec.name} is never above {shown}"


def contradictions(subject: Subject) -> Iterator[Draft]:
    """Two parts of one `all` that no value of their series meets at once."""
    playbook = subject.playbook
    for start, condition in (("when", playbook.when), ("clear_when", playbook.clear_when)):
        for path, one, other in _side_by_side(condition, start):
            if one.quantity == other.quantity and not _overlap(one, other):
                what = f"{one.text!r} and {other.text!r} can never be met together"
                yield Draft("P031", path, what, "accepted: thresholds that leave room")


def _side_by_side(condition: Condition, path: str) -> Iterator[tuple[str, Comparison, Comparison]]:
    if isinstance(condition, All | AnyOf):
        key = "all" if isinstance(condition, All) else "any"
        for i, part in enumerate(condition.conditions):
            yield from _side_by_side(part, f"{path}.{key}[{i}]")
    if isinstance(condition, All):
        leaves = [part for part in condition.conditions if isinstance(part, Comparison)]
        for one, other in combinations(leaves, 2):
            yield f"{path}.all", one, other


def more_times_than_fit(subject: Subject) -> Iterator[Draft]:
    """Between two times there is a tick at which it is not met."""
    for path, leaf in every_leaf(subject.playbook):
        least_s = 2.0 * TICK_S * (leaf.times - 1)
        if leaf.times and leaf.times_within_s < least_s:
            span = duration_text(leaf.times_within_s)
            what = f"{leaf.text!r} can never be met: it cannot begin {leaf.times} times in {span}"
            yield Draft("P031", path, what, f"accepted: within {duration_text(least_s)} or more")


def holds_shorter_than_a_tick(subject: Subject) -> Iterator[Draft]:
    for path, leaf in every_leaf(subject.playbook):
        if 0.0 < leaf.for_s < TICK_S:
            what = f"`for {duration_text(leaf.for_s)}` is shorter than a tick (1s)"
            advice = "it needs two ticks, like `for 1s`; leave it out for one tick"
            yield Draft("P040", path, what, advice, "warning")


def clears_while_it_fires(subject: Subject) -> Iterator[Draft]:
    """Only where one comparison alone fires and one on the same series alone clears."""
    firing = dict(_alternatives(subject.playbook.when, "when"))
    for path, clear in _alternatives(subject.playbook.clear_when, "clear_when"):
        for fire in firing.values():
            same = (clear.quantity.signal, clear.quantity.labels) == (
                fire.quantity.signal,
                fire.quantity.labels,
            )
            if same and _overlap(fire, clear):
                what = f"{clear.text!r} clears while {fire.text!r} can still fire"
                yield Draft("P042", path, what, "accepted: thresholds that leave a gap")


def _alternatives(condition: Condition, path: str) -> Iterator[tuple[str, Comparison]]:
    if isinstance(condition, Comparison):
        yield path, condition
    elif isinstance(condition, AnyOf):
        for i, part in enumerate(condition.conditions):
            yield from _alternatives(part, f"{path}.any[{i}]")


def _overlap(one: Comparison, other: Comparison) -> bool:
    """Whether some value meets both."""
    if one.op[0] == other.op[0]:
        return True
    above, below = (one, other) if one.op[0] == ">" else (other, one)
    if above.op == ">=" and below.op == "<=":
        return above.threshold <= below.threshold
    return above.threshold < below.threshold


def variable_unused(subject: Subject) -> Iterator[Draft]:
    label = subject.playbook.for_each
    if label is None:
        return
    used = {
        value for leaf in comparisons(subject.playbook.when) for _, value in leaf.quantity.labels
    }
    if f"${label}" not in used:
        what = f"`for_each: {label}` is not used in `when`: all its incidents are the same"
        yield Draft("P025", "for_each", what, f"accepted: {{{label}=${label}}} in `when`")


THRESHOLD_RULES = (
    never_or_always_met,
    contradictions,
    more_times_than_fit,
    holds_shorter_than_a_tick,
    clears_while_it_fires,
    variable_unused,
)

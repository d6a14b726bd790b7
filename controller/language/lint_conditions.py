"""Linter rules about conditions: what can never hold, and what would hold for a wrong reason.

Each rule is a generator of drafts over a playbook that already reads well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from controller.core.actions import is_protective
from controller.core.conditions import comparisons
from controller.core.playbook import All, AnyOf, Comparison, Condition, NoData, Not, Playbook, Route
from controller.core.readings import SignalSpec
from controller.language.action_facts import facts_of
from controller.language.findings import Severity
from controller.language.quantities import duration_text, threshold_text
from controller.language.vocabulary import Vocabulary

TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding whose place is still a field path."""

    rule: str
    path: str
    message: str
    advice: str
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Subject:
    """What every rule is handed."""

    playbook: Playbook
    vocabulary: Vocabulary

    def spec(self, leaf: Comparison) -> SignalSpec:
        return self.vocabulary.catalogue.specs[leaf.quantity.signal]

    def window_s(self, leaf: Comparison) -> float:
        """The window the leaf is judged over; 0 for a gauge."""
        given = leaf.quantity.window_s
        return given if given is not None else self.spec(leaf).default_window_s


def located(condition: Condition, path: str) -> Iterator[tuple[str, Comparison]]:
    """Every leaf with the field path the reader gave it."""
    if isinstance(condition, Comparison):
        yield path, condition
    elif isinstance(condition, Not):
        yield from located(condition.condition, f"{path}.not")
    else:
        key = "all" if isinstance(condition, All) else "any"
        for i, part in enumerate(condition.conditions):
            yield from located(part, f"{path}.{key}[{i}]")


def rung_path(number: int) -> str:
    """Rung 0 is ``do``, the others are ``otherwise[0]``, ``otherwise[1]``, …"""
    return "do" if number == 0 else f"otherwise[{number - 1}]"


def expectations(playbook: Playbook) -> Iterator[tuple[str, Condition, float]]:
    """(path, condition, within_s) of every move that expects something."""
    for number, rung in enumerate(playbook.rungs):
        for i, move in enumerate(rung):
            if move.expect is not None:
                yield f"{rung_path(number)}[{i}].expect", move.expect, move.within_s


def every_leaf(playbook: Playbook) -> Iterator[tuple[str, Comparison]]:
    yield from located(playbook.when, "when")
    yield from located(playbook.clear_when, "clear_when")
    for path, condition, _ in expectations(playbook):
        yield from located(condition, path)


def chance(
    leaf: Comparison, spec: SignalSpec, deadline_ms: float
) -> tuple[Literal["never", "sometimes", "always"], str]:
    """Whether any value the signal can show meets the comparison, and the bound that says so."""
    low, high, bound = _range(leaf, spec, deadline_ms)
    t = leaf.threshold
    nothing_above = t >= high if leaf.op in (">", "<=") else t > high
    nothing_below = t <= low if leaf.op in ("<", ">=") else t < low
    upward = leaf.op in (">", ">=")
    if nothing_above:
        return ("never" if upward else "always"), bound
    if nothing_below:
        least = f"{spec.name} is never below {threshold_text(low, leaf.unit)}"
        return ("always" if upward else "never"), least
    return "sometimes", ""


def _range(leaf: Comparison, spec: SignalSpec, deadline_ms: float) -> tuple[float, float, str]:
    is_function = "(" in spec.name
    signed = (is_function and leaf.unit != "per_s") or leaf.unit == "value"
    low = -math.inf if signed else 0.0
    high = math.inf
    if leaf.unit == spec.unit:
        share_maximum = 1.0 if spec.unit == "share" and not is_function else math.inf
        high = spec.maximum if spec.maximum is not None else share_maximum
    bound = (
        f"{spec.name} is never above {threshold_text(high, leaf.unit) if high < math.inf else ''}"
    )
    if spec.users_only and spec.unit == "ms" and deadline_ms <= high:
        high = deadline_ms
        bound = f"every user is answered by the request deadline of {threshold_text(high, 'ms')}"
    return low, high, bound


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


def holds_shorter_than_a_tick(subject: Subject) -> Iterator[Draft]:
    for path, leaf in every_leaf(subject.playbook):
        if 0.0 < leaf.for_s < TICK_S:
            what = f"`for {duration_text(leaf.for_s)}` is shorter than a tick (1s)"
            advice = "it needs two ticks, like `for 1s`; leave it out for one tick"
            yield Draft("P040", path, what, advice, "warning")


def samples_out_of_reach(subject: Subject) -> Iterator[Draft]:
    """A fully drained arm is seen through probes alone."""
    settings = subject.vocabulary.settings
    drained = {
        move.action.source
        for rung in subject.playbook.rungs
        for move in rung
        if isinstance(move.action, Route) and move.action.share == 1.0 and not move.action.where
    } - {settings.fallback_arm}
    judged = [("clear_when", subject.playbook.clear_when)]
    judged += [(path, condition) for path, condition, _ in expectations(subject.playbook)]
    for start, condition in judged:
        for path, leaf in located(condition, start):
            arm = dict(leaf.quantity.labels).get("arm", "")
            if arm in drained and subject.spec(leaf).least_sample > 0:
                yield from _out_of_reach(subject, path, leaf, arm, settings.probe_per_s)


def _out_of_reach(
    subject: Subject, path: str, leaf: Comparison, arm: str, probe_per_s: float
) -> Iterator[Draft]:
    spec, window_s = subject.spec(leaf), subject.window_s(leaf)
    if spec.users_only:
        what = f"{spec.name} counts users only, and {arm} is drained"
        yield Draft("P032", path, what, "accepted: a signal that probes feed, like arm_bad")
    elif window_s > 0.0 and probe_per_s * window_s < spec.least_sample:
        count = f"{probe_per_s:g} probes/s give {probe_per_s * window_s:g} in {window_s:g}s"
        what = f"{spec.name} needs a sample of {spec.least_sample}; {arm} is drained and {count}"
        needed = math.ceil(spec.least_sample / probe_per_s) if probe_per_s else None
        advice = f"accepted: a window of at least {needed}s" if needed else "set probe_per_s"
        yield Draft("P032", path, what, advice)


def too_little_time_to_verify(subject: Subject) -> Iterator[Draft]:
    for start, condition, within_s in expectations(subject.playbook):
        for path, leaf in located(condition, start):
            least_s = subject.window_s(leaf) + TICK_S
            if within_s < least_s:
                what = (
                    f"within {duration_text(within_s)} no window of "
                    f"{duration_text(max(subject.window_s(leaf), TICK_S))} can start and end"
                )
                yield Draft("P038", path, what, f"accepted: at least {duration_text(least_s)}")


def acts_on_missing_data(subject: Subject) -> Iterator[Draft]:
    playbook, settings = subject.playbook, subject.vocabulary.settings
    if any(_policy(leaf, playbook) is NoData.ACT for leaf in comparisons(playbook.when)):
        for number, rung in enumerate(playbook.rungs):
            for i, move in enumerate(rung):
                if not is_protective(move.action, settings.fallback_arm):
                    name = facts_of(move.action).name
                    what = f"`no_data: act` would {name} on missing data"
                    advice = f"accepted: freeze, notify, shed, route to {settings.fallback_arm}"
                    yield Draft("P033", f"{rung_path(number)}[{i}].{name}", what, advice)
    judged = [("clear_when", playbook.clear_when)]
    judged += [(path, condition) for path, condition, _ in expectations(playbook)]
    for start, condition in judged:
        for path, leaf in located(condition, start):
            if leaf.no_data is NoData.ACT:
                what = "`no_data: act` would pass on missing data"
                yield Draft("P033", path, what, "accepted: hold, escalate")


def _policy(leaf: Comparison, playbook: Playbook) -> NoData:
    return leaf.no_data or playbook.no_data


def drift_moves_traffic(subject: Subject) -> Iterator[Draft]:
    if _needs_more_than_drift(subject, subject.playbook.when, positive=True):
        return
    for number, rung in enumerate(subject.playbook.rungs):
        for i, move in enumerate(rung):
            facts = facts_of(move.action)
            if facts.moves_traffic:
                yield Draft(
                    "P034",
                    f"{rung_path(number)}[{i}].{facts.name}",
                    f"drift alone would {facts.name}",
                    "accepted: a condition on what users or arms show, under `all` with the drift;"
                    " or retrain, evaluate, notify",
                )


def _needs_more_than_drift(subject: Subject, condition: Condition, *, positive: bool) -> bool:
    """Whether every way to meet it (or, if not ``positive``, to miss it) has another witness.

    No witness: a leaf that is always met, or that counts missing data as met.
    """
    if isinstance(condition, Comparison):
        spec = subject.spec(condition)
        verdict, _ = chance(condition, spec, subject.vocabulary.settings.request_deadline_ms)
        blind = _policy(condition, subject.playbook) is NoData.ACT
        trivial = verdict == ("always" if positive else "never")
        return not (spec.is_drift or trivial or blind)
    if isinstance(condition, Not):
        return _needs_more_than_drift(subject, condition.condition, positive=not positive)
    parts = (_needs_more_than_drift(subject, p, positive=positive) for p in condition.conditions)
    return any(parts) if isinstance(condition, All) == positive else all(parts)


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


CONDITION_RULES = (
    never_or_always_met,
    holds_shorter_than_a_tick,
    samples_out_of_reach,
    too_little_time_to_verify,
    acts_on_missing_data,
    drift_moves_traffic,
    clears_while_it_fires,
    variable_unused,
)

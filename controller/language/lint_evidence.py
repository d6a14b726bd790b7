"""Linter rules about evidence: enough of it, in time, not missing, and not drift alone.

Each rule is a generator of drafts over a playbook that already reads well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from controller.core.actions import is_protective
from controller.core.conditions import comparisons
from controller.core.playbook import All, Comparison, Condition, NoData, Not, Playbook, Route
from controller.language.action_facts import facts_of
from controller.language.lint_subject import (
    TICK_S,
    Draft,
    Subject,
    every_move,
    expectations,
    located,
)
from controller.language.lint_thresholds import chance
from controller.language.quantities import duration_text


def samples_out_of_reach(subject: Subject) -> Iterator[Draft]:
    """A fully drained arm is seen through probes alone."""
    settings = subject.vocabulary.settings
    drained = {
        move.action.source
        for _, move in every_move(subject.playbook)
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
        for path, move in every_move(playbook):
            if not is_protective(move.action, settings.fallback_arm):
                name = facts_of(move.action).name
                what = f"`no_data: act` would {name} on missing data"
                advice = f"accepted: freeze, notify, shed, route to {settings.fallback_arm}"
                yield Draft("P033", f"{path}.{name}", what, advice)
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
    when = subject.playbook.when
    has_drift = any(subject.spec(leaf).is_drift for leaf in comparisons(when))
    if not has_drift or _needs_harm(subject, when, positive=True):
        return
    for path, move in every_move(subject.playbook):
        facts = facts_of(move.action)
        if facts.moves_traffic:
            yield Draft(
                "P034",
                f"{path}.{facts.name}",
                f"drift alone would {facts.name}",
                "accepted: a signal of harm on its bad side, like `arm_bad{arm=primary} > 20%`,"
                " under `all` with the drift; or retrain, evaluate, notify",
            )


def _needs_harm(subject: Subject, condition: Condition, *, positive: bool) -> bool:
    """Whether every way to meet it (or, if not ``positive``, to miss it) has harm as a witness.

    No witness: a leaf that a healthy service meets too, that is always met, or that counts missing
    data as met.
    """
    if isinstance(condition, Comparison):
        spec = subject.spec(condition)
        upward = (condition.op in (">", ">=")) == positive
        verdict, _ = chance(condition, spec, subject.vocabulary.settings.request_deadline_ms)
        blind = _policy(condition, subject.playbook) is NoData.ACT
        trivial = verdict == ("always" if positive else "never")
        harmful = spec.harm == ("high" if upward else "low")
        # `not` of what has to hold for a time is met until that time is over.
        spanned = condition.for_s or condition.for_ticks or condition.times
        young = not positive and bool(spanned)
        return harmful and not (spec.is_drift or trivial or blind or young)
    if isinstance(condition, Not):
        return _needs_harm(subject, condition.condition, positive=not positive)
    parts = (_needs_harm(subject, part, positive=positive) for part in condition.conditions)
    return any(parts) if isinstance(condition, All) == positive else all(parts)


EVIDENCE_RULES = (
    samples_out_of_reach,
    too_little_time_to_verify,
    acts_on_missing_data,
    drift_moves_traffic,
)

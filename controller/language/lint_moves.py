"""Linter rules about moves and guards: arms, circles, undo, cooldown and budget.

Each rule is a generator of drafts over a playbook that already reads well.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.playbook import (
    Action,
    Evaluate,
    PrewarmCache,
    Promote,
    Retrain,
    Revert,
    Route,
    Scale,
)
from controller.language.action_facts import facts_of
from controller.language.fields import suggestion
from controller.language.lint_subject import Draft, Subject, every_move, rung_path
from controller.language.quantities import duration_text


def _arms_of(action: Action) -> tuple[tuple[str, str], ...]:
    """(field, arm) for each arm an action names."""
    match action:
        case Route():
            return (("from", action.source), ("to", action.target))
        case Promote():
            named = (("into", action.into), ("arm", action.arm))
            return tuple((field, arm) for field, arm in named if arm is not None)
        case Retrain() | Evaluate() | Revert() | PrewarmCache() | Scale():
            return (("arm", action.arm),)
        case _:
            return ()


def unknown_arms(subject: Subject) -> Iterator[Draft]:
    known, each_arm = subject.vocabulary.arms, subject.playbook.for_each == "arm"
    for path, move in every_move(subject.playbook):
        for field, arm in _arms_of(move.action):
            where = f"{path}.{facts_of(move.action).name}.{field}"
            if arm.startswith("$"):
                if arm != "$arm" or not each_arm:
                    advice = "accepted: the name of an arm; or $arm, with `for_each: arm`"
                    yield Draft("P025", where, f"nothing binds {arm}", advice)
            elif arm not in known:
                yield Draft("P035", where, f"unknown arm {arm!r}", suggestion(arm, known))


def scales_what_has_no_replicas(subject: Subject) -> Iterator[Draft]:
    settings = subject.vocabulary.settings
    elsewhere = {name for name, arm in settings.arms.items() if arm.url}
    # The last resort answers in the router, whatever else is said of it.
    inside = {name for name, arm in settings.arms.items() if arm.in_process}
    inside.add(settings.fallback_arm)
    scaled = [name for name in settings.arms if name not in elsewhere | inside]
    for path, move in every_move(subject.playbook):
        if isinstance(move.action, Scale) and move.action.arm in elsewhere | inside:
            where = "elsewhere" if move.action.arm in elsewhere else "in the router"
            what = f"{move.action.arm} answers {where}: it has no replicas of ours"
            advice = f"accepted: {', '.join(scaled) or 'no arm of these settings'}"
            yield Draft("P046", f"{path}.scale.arm", what, advice)


def unknown_segments(subject: Subject) -> Iterator[Draft]:
    segments = subject.vocabulary.settings.segments
    for path, move in every_move(subject.playbook):
        if not isinstance(move.action, Route):
            continue
        for name, value in move.action.where.items():
            where = f"{path}.route.where.{name}"
            if name not in segments:
                advice = suggestion(name, tuple(segments))
                yield Draft("P023", where, f"unknown segment {name!r}", advice)
            elif value not in segments[name]:
                advice = suggestion(value, segments[name])
                yield Draft("P023", where, f"unknown {name} {value!r}", advice)


def routes_that_lead_nowhere(subject: Subject) -> Iterator[Draft]:
    for number, rung in enumerate(subject.playbook.rungs):
        seen: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
        for i, move in enumerate(rung):
            if not isinstance(move.action, Route):
                continue
            path = f"{rung_path(number)}[{i}].route"
            source, target = move.action.source, move.action.target
            where = tuple(sorted(move.action.where.items()))
            if source == target:
                what = f"{source} is routed to itself"
                yield Draft("P036", path, what, "accepted: another arm in `to`")
            elif (source, where) in seen:
                what = f"{source} is routed twice in one rung"
                yield Draft("P036", path, what, "accepted: one route for an arm")
            elif _leads_back(source, target, where, seen):
                what = f"{source} to {target} closes a circle of routes"
                yield Draft("P036", path, what, "accepted: routes that end in an arm")
            seen[(source, where)] = target


def _leads_back(
    source: str,
    target: str,
    where: tuple[tuple[str, str], ...],
    routes: dict[tuple[str, tuple[tuple[str, str], ...]], str],
) -> bool:
    """Whether following the rung's routes from ``target`` ends in ``source``."""
    visited = set()
    while (target, where) in routes and target not in visited:
        visited.add(target)
        target = routes[(target, where)]
    return target == source


def undo_without_undo(subject: Subject) -> Iterator[Draft]:
    for path, move in every_move(subject.playbook):
        facts = facts_of(move.action)
        if move.otherwise == "undo" and facts.undo is None:
            what = f"{facts.name} has no undo"
            yield Draft("P037", f"{path}.else", what, "accepted: next, keep")


def cooldown_shorter_than_verification(subject: Subject) -> Iterator[Draft]:
    guards = subject.playbook.guards
    verify_s = sum(max(move.within_s for move in rung) for rung in subject.playbook.rungs)
    if guards.cooldown_s < verify_s:
        what = (
            f"the cooldown of {duration_text(guards.cooldown_s)} is shorter than the"
            f" verification of all rungs ({duration_text(verify_s)})"
        )
        advice = f"accepted: at least {duration_text(verify_s)}"
        yield Draft("P030", "guards.cooldown", what, advice)


def budget_that_does_not_fit(subject: Subject) -> Iterator[Draft]:
    """Every rung that acts spends one of the budget."""
    guards, rungs = subject.playbook.guards, len(subject.playbook.rungs)
    period = duration_text(guards.budget_per_s)
    if guards.budget_count < rungs:
        what = f"a budget of {guards.budget_count} per {period} never reaches the last rung"
        advice = f"accepted: at least {rungs}, one for each rung"
        yield Draft("P039", "guards.budget", what, advice)
    possible = (int(guards.budget_per_s // guards.cooldown_s) + 1) * rungs
    if possible <= guards.budget_count and subject.playbook.for_each is None:
        what = (
            f"the budget never binds: a cooldown of {duration_text(guards.cooldown_s)} allows"
            f" {possible} in {period}"
        )
        advice = "a smaller budget, a longer period or a shorter cooldown"
        yield Draft("P039", "guards.budget", what, advice, "warning")


MOVE_RULES = (
    unknown_arms,
    scales_what_has_no_replicas,
    unknown_segments,
    routes_that_lead_nowhere,
    undo_without_undo,
    cooldown_shorter_than_verification,
    budget_that_does_not_fit,
)

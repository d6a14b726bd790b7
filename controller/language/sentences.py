"""A playbook in plain sentences, for `selfright playbooks show`. Decides nothing."""

from __future__ import annotations

from controller.core.actions import action_text
from controller.core.playbook import Move, NoData, Playbook, Route
from controller.core.wording import condition_text, duration, percent

_NO_DATA = {
    NoData.HOLD: "When it cannot be told (too little data, or none), nothing is done.",
    NoData.ACT: "When it cannot be told, that counts as met.",
    NoData.ESCALATE: "When it cannot be told for that long, a person is paged once.",
}
_ELSE = {
    "next": "else the next step is taken",
    "undo": "else it is undone",
    "keep": "else it stays as it is",
}


def describe(playbook: Playbook) -> list[str]:
    """Lines of text; the first is the title."""
    guards = playbook.guards
    each = f", for each {playbook.for_each} on its own" if playbook.for_each else ""
    lines = [f"{playbook.name}, owned by {playbook.owner}", playbook.why, ""]
    lines += [f"When {condition_text(playbook.when)}{each}:", f"  {_NO_DATA[playbook.no_data]}", ""]
    for number, rung in enumerate(playbook.rungs):
        lines.append("It" if number == 0 else f"If that did not help, step {number + 1}: it")
        lines += [f"  - {_move(move)}" for move in rung]
    if any(move.otherwise == "next" for move in playbook.rungs[-1]):
        lines.append("If that did not help, a person is paged.")
    lines += ["", f"It ends when {condition_text(playbook.clear_when)}."]
    lines += [f"  {text}" for text in _returns(playbook)]
    lines += [
        "",
        f"Autonomy {guards.autonomy}, priority {guards.priority}. Cooldown "
        f"{duration(guards.cooldown_s)}; at most {guards.budget_count} per "
        f"{duration(guards.budget_per_s)}.",
    ]
    if guards.excludes:
        lines.append(f"Not while another incident acts in: {', '.join(guards.excludes)}.")
    return lines


def _move(move: Move) -> str:
    text = action_text(move.action)
    if move.expect is None:
        return text
    return (
        f"{text}; expected within {duration(move.within_s)}: {condition_text(move.expect)},"
        f" {_ELSE[move.otherwise]}"
    )


def _returns(playbook: Playbook) -> list[str]:
    routes = [m.action for rung in playbook.rungs for m in rung if isinstance(m.action, Route)]
    return [
        f"Then the traffic of {route.source} comes back in stages of "
        f"{', '.join(percent(stage) for stage in route.returns)}, "
        f"{duration(route.every_s)} each."
        for route in routes
    ]

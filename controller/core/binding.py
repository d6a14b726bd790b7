"""`for_each`: one playbook becomes one per value, with `$variable` bound everywhere but in text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.core.playbook import All, AnyOf, Comparison, Condition, Not, Playbook
from controller.core.playbook_document import playbook_from_document, playbook_to_document
from controller.core.settings import JudgeSettings


def targets_of(playbook: Playbook, settings: JudgeSettings) -> tuple[str | None, ...]:
    """The values `for_each` runs over; one None for a playbook without it."""
    if playbook.for_each is None:
        return (None,)
    return settings.label_values.get(playbook.for_each, ())


def bind(playbook: Playbook, target: str | None) -> Playbook:
    """The playbook for one value. Its text and hash stay those of the author."""
    if playbook.for_each is None or target is None:
        return playbook
    document = playbook_to_document(playbook)
    bound = _replace(document, f"${playbook.for_each}", target)
    return playbook_from_document({**bound, "text": playbook.text})


def bind_condition(condition: Condition, variable: str | None, target: str | None) -> Condition:
    """The same for a condition alone, cheap enough for every tick."""
    if variable is None or target is None:
        return condition
    match condition:
        case Comparison():
            quantity = condition.quantity
            token = f"${variable}"
            labels = tuple((k, v.replace(token, target)) for k, v in quantity.labels)
            signal = quantity.signal.replace(token, target)
            return replace(
                condition,
                quantity=replace(quantity, signal=signal, labels=labels),
                text=condition.text.replace(token, target),
            )
        case Not():
            return Not(bind_condition(condition.condition, variable, target))
        case All():
            return All(tuple(bind_condition(c, variable, target) for c in condition.conditions))
        case AnyOf():
            return AnyOf(tuple(bind_condition(c, variable, target) for c in condition.conditions))


def _replace(value: Any, token: str, target: str) -> Any:
    if isinstance(value, str):
        return value.replace(token, target)
    if isinstance(value, list):
        return [_replace(each, token, target) for each in value]
    if isinstance(value, dict):
        return {key: _replace(each, token, target) for key, each in value.items()}
    return value

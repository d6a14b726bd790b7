"""One clear line out of what pydantic says: what is wrong, and what is accepted instead."""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from controller.errors import BadInput
from controller.language.fields import suggestion
from simulator.scenario.document import Location, Source

_ACCEPTED = {
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list, like [a, b]",
    "tuple_type": "a list, like [a, b]",
}


def refusal(error: ValidationError, model: type[BaseModel], source: Source) -> BadInput:
    """The first thing that is wrong in ``model``, where ``source`` says it stands."""
    first = error.errors()[0]
    where = tuple(part for part in first["loc"] if part != "[key]")
    return source.refusal(where, _what(first, where, model))


def _what(first: Any, where: Location, model: type[BaseModel]) -> str:
    kind, value = first["type"], first["input"]
    if kind == "extra_forbidden":
        known = _keys(_model_at(model, where[:-1]))
        return f"unknown; {suggestion(str(where[-1]), known)}"
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        expected = str(first["ctx"]["expected"]).replace("'", "")
        return f"is {value!r}; accepted: {expected}"
    if kind in _ACCEPTED:
        shown = "empty" if value is None else repr(value)
        keys = _keys(_model_at(model, where))
        accepted = _ACCEPTED[kind] + (f" with {', '.join(keys)}" if keys else "")
        return f"is {shown}; accepted: {accepted}"
    return str(first["msg"]).removeprefix("Value error, ")


def _model_at(model: Any, where: Location) -> Any:
    """The model a location leads to; None where it leads to none."""
    for part in where:
        if isinstance(part, str) and _is_model(model):
            by_key = {field.alias or name: field for name, field in model.model_fields.items()}
            model = _inner(by_key[part].annotation) if part in by_key else None
    return _inner(model)


def _inner(annotation: Any) -> Any:
    """The model inside ``list[M]``, ``dict[str, M]`` or ``M | None``."""
    if _is_model(annotation):
        return annotation
    if typing.get_origin(annotation) in (list, tuple, dict, typing.Union, types.UnionType):
        found = (_inner(argument) for argument in typing.get_args(annotation))
        return next((each for each in found if each is not None), None)
    return None


def _is_model(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)


def _keys(model: Any) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []

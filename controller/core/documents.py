"""Frozen dataclasses <-> plain documents (JSON types), read off their type hints.

One codec for playbooks, facts and the judge's state, so that a new field needs no second edit.
A member of a closed union carries its class in ``type``; unknown keys are ignored, a missing key
takes the field's default, so neighbouring releases read each other. Knows no concrete class.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

TAG = "type"


def encode(hint: Any, value: Any) -> Any:
    """The document of ``value``, whose declared type is ``hint``."""
    if value is None or hint is Any:
        return value
    members = _members(hint)
    if members:
        if len(members) == 1:
            return encode(members[0], value)
        document = {TAG: tag_of(type(value))}
        document.update(encode(type(value), value))
        return document
    origin = typing.get_origin(hint)
    if origin is tuple:
        return [encode(h, v) for h, v in zip(_item_hints(hint, len(value)), value, strict=True)]
    if origin is not None and _is_kind(origin, Mapping):
        item = typing.get_args(hint)[1]
        return {key: encode(item, each) for key, each in value.items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return value.value
    if is_dataclass(hint):
        kind: Any = type(value)
        return {name: encode(h, getattr(value, name)) for name, h, _ in _fields(kind)}
    return value


def decode(hint: Any, document: Any) -> Any:
    """The inverse of ``encode``. Raise KeyError, TypeError or ValueError on another document."""
    if document is None or hint is Any:
        return document
    members = _members(hint)
    if members:
        if len(members) == 1:
            return decode(members[0], document)
        return decode(_member_of(members, document[TAG]), document)
    origin = typing.get_origin(hint)
    if origin is tuple:
        hints = _item_hints(hint, len(document))
        return tuple(decode(h, v) for h, v in zip(hints, document, strict=True))
    if origin is not None and _is_kind(origin, Mapping):
        item = typing.get_args(hint)[1]
        return {key: decode(item, each) for key, each in document.items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(document)
    if is_dataclass(hint):
        return _decode_dataclass(hint, document)
    return document


def tag_of(kind: type) -> str:
    """``PrewarmCache`` -> ``prewarm_cache``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()


def _is_kind(origin: Any, kind: type) -> bool:
    return isinstance(origin, type) and issubclass(origin, kind)


def _decode_dataclass(kind: Any, document: Mapping[str, Any]) -> Any:
    values = {}
    for name, hint, has_default in _fields(kind):
        if name in document:
            values[name] = decode(hint, document[name])
        elif not has_default:
            raise KeyError(f"{kind.__name__} has no {name!r}")
    return kind(**values)


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        (f.name, hints[f.name], f.default is not MISSING or f.default_factory is not MISSING)
        for f in fields(kind)
    )


def _members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union without None; empty when ``hint`` is no union."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return ()
    return tuple(member for member in typing.get_args(hint) if member is not type(None))


def _member_of(members: tuple[Any, ...], tag: str) -> Any:
    for member in members:
        if tag_of(member) == tag:
            return member
    raise ValueError(f"{tag!r} is not one of {[tag_of(member) for member in members]}")


def _item_hints(hint: Any, count: int) -> tuple[Any, ...]:
    args = typing.get_args(hint)
    if len(args) == 2 and args[1] is Ellipsis:
        return (args[0],) * count
    return args

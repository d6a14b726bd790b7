"""Faults as YAML says them, read off the dataclasses in `simulator/faults`: a new fault needs no
line here. A field's name ends in its unit, and so decides how its value is written.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

from pydantic import create_model

from simulator.faults import FAULTS
from simulator.faults.fault import Fault
from simulator.scenario.strict import OneOf, Strict
from simulator.scenario.units import (
    Milliseconds,
    Moment,
    Name,
    Share,
    Span,
    Text,
    Where,
    number,
    whole,
)

_BY_ENDING: dict[str, tuple[str, Any]] = {
    "_ms": ("", Milliseconds),
    "_s": ("", Span),
    "_sd": ("_sd", number(-10, 10)),
    "share": ("share", Share),
    "factor": ("factor", number(0, 100)),
    "replicas": ("replicas", whole(1, 64)),
    "arm": ("arm", Name),
    "group": ("group", Name),
    "what": ("what", Text),
    "where": ("where", Where),
}
"""End of a field's name: what stands there in YAML, and the type of the value."""


def yaml_name(field: str) -> str:
    """``delay_ms`` is written ``delay``."""
    ending = _ending(field)
    return field.removesuffix(ending) + _BY_ENDING[ending][0]


def fault_of(name: str, parameters: Strict) -> Fault:
    """The fault that checked parameters describe."""
    kind = FAULTS[name]
    given = {f.name: getattr(parameters, yaml_name(f.name)) for f in fields(kind)}
    return kind(**given)


def _ending(field: str) -> str:
    found = next((ending for ending in _BY_ENDING if field.endswith(ending)), None)
    if found is None:
        raise TypeError(f"{field}: a fault's field ends in one of {', '.join(_BY_ENDING)}")
    return found


def _type(field: Field[Any]) -> Any:
    return Moment if field.name == "at_s" else _BY_ENDING[_ending(field.name)][1]


def _parameters(kind: type[Fault]) -> Any:
    given: dict[str, Any] = {
        yaml_name(f.name): (_type(f), ... if f.default is MISSING else f.default)
        for f in fields(kind)
    }
    return create_model(kind.__name__, __base__=Strict, **given)


_entries: dict[str, Any] = {name: (_parameters(kind) | None, None) for name, kind in FAULTS.items()}
FaultEntry: type[OneOf] = create_model("FaultEntry", __base__=OneOf, **_entries)
"""``{slow_primary: {at: 60s, for: 120s, delay: 400ms}}``"""

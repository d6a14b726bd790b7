"""Conditions for the JSON Schema: patterns of what the grammar reads, examples for editors.

The patterns are looser than the linter (units and combinations are its own question) and never
stricter; a property test compares them. They are regular expressions of ECMA-262.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from controller.core.playbook import NoData
from controller.core.readings import SignalSpec
from controller.language.conditions import MAX_CONDITIONS
from controller.language.grammar import MAX_TEXT
from controller.language.vocabulary import FOR_EACH, Vocabulary

DURATION = r"[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)"
_LABELS = r'(\s*\{([^"}]|"[^"]*")*\})?'
_WINDOW = r"(\s*\[[^\]]*\])?"
_COMPARED = r"\s*(<=|>=|<|>)\s*-?[0-9]+(\.[0-9]+)?\s*(%|/?[A-Za-z]+)?"
_RARER = rf"\s*rarer\s+than\s+-?[0-9]+(\.[0-9]+)?\s*(%|/?[A-Za-z]+)?\s*per\s*{DURATION}"
_FOR = rf"\s*for\s*({DURATION}|[0-9]+\s+ticks)"
_TIMES = rf"\s*[0-9]+\s+times\s+within\s*{DURATION}"
_WITHIN = rf"\s*within\s*{DURATION}"
_SIGNAL = rf"[A-Za-z_][A-Za-z0-9_.\-]*{_LABELS}{_WINDOW}"
_CALL = rf"(anomaly|change|lift)\s*\(\s*{_SIGNAL}(\s*,\s*{_SIGNAL})*\s*\)(\s*\.[a-z]+)?"
_THRESHOLDS: Mapping[str, str] = {
    "ms": "> 150ms",
    "s": "> 60s",
    "share": "> 5%",
    "per_s": "> 10/s",
    "count": "> 3",
    "value": "> 1",
}
_UNKNOWN_VALUE = "NAME"

HOLDS: Mapping[str, str] = {
    "condition": f"({_FOR}|{_TIMES})?",
    "clearing": f"({_FOR})?",
    "reading": "",
}
"""What may stand behind a comparison: in `when`, in `clear_when`, in an expectation."""


def condition_definitions(vocabulary: Vocabulary) -> dict[str, Any]:
    """``$defs``: `signal`, and for each kind of `HOLDS` a tree and its leaf."""
    found: dict[str, Any] = {"signal": _signal(vocabulary)}
    for kind, hold in HOLDS.items():
        examples = [*_examples(vocabulary, ""), *_examples(vocabulary, " for 5s" if hold else "")]
        found[f"{kind}_text"] = {
            "type": "string",
            "maxLength": MAX_TEXT,
            "description": "SIGNAL{label=value}[WINDOW] OPERATOR THRESHOLD, then for or times.",
            "allOf": [{"$ref": "#/$defs/signal"}, {"pattern": _whole(hold)}],
            "examples": sorted(set(examples)),
        }
        found[kind] = _tree(kind, held=bool(hold))
    found["expectation"] = {
        "anyOf": [
            {
                "type": "string",
                "allOf": [{"$ref": "#/$defs/signal"}, {"pattern": _whole(_WITHIN)}],
                "examples": list(_examples(vocabulary, " within 30s")),
            },
            {
                "type": "object",
                "properties": {
                    "if": {"$ref": "#/$defs/reading"},
                    "within": {"$ref": "#/$defs/duration"},
                },
                "required": ["if", "within"],
                "additionalProperties": False,
            },
        ]
    }
    return found


def _tree(kind: str, *, held: bool) -> dict[str, Any]:
    inner = {"$ref": f"#/$defs/{kind}"}
    branch = {"type": "array", "minItems": 1, "maxItems": MAX_CONDITIONS, "items": inner}
    leaf: dict[str, Any] = {"if": {"$ref": f"#/$defs/{kind}_text"}}
    if held:
        leaf["for"] = {"type": "string", "pattern": rf"^\s*({DURATION}|[0-9]+\s+ticks)\s*$"}
    leaf["no_data"] = {"enum": [str(each) for each in NoData]}
    return {
        "anyOf": [
            {"$ref": f"#/$defs/{kind}_text"},
            _only("all", branch),
            _only("any", branch),
            _only("not", inner),
            {
                "type": "object",
                "properties": leaf,
                "required": ["if"],
                "additionalProperties": False,
            },
        ]
    }


def _only(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key: schema},
        "required": [key],
        "additionalProperties": False,
    }


def _whole(behind: str) -> str:
    return rf"^\s*({_SIGNAL}{_COMPARED}|{_CALL}({_COMPARED}|{_RARER})?){behind}\s*$"


def _signal(vocabulary: Vocabulary) -> dict[str, Any]:
    """It begins with a signal of the catalogue, and labels have values of the settings."""
    end = r"(?=[\s{\[<>=),]|$)"
    starts = "|".join(_starts(vocabulary.catalogue.specs))
    labels = [
        rf"^(?![\s\S]*[{{,]\s*{label}\s*=\s*(?!{_values(label, values)}\s*[,}}]))"
        for label, values in vocabulary.label_values.items()
    ]
    return {
        "description": "A signal of `selfright signals`.",
        "allOf": [{"pattern": p} for p in (rf"^\s*({starts}){end}", *labels)],
    }


def quoted(text: str) -> str:
    """A text as a pattern; only what must be is escaped, as ECMA-262 demands it."""
    return re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", text)


def _values(label: str, values: Iterable[str]) -> str:
    variable = [rf"\${label}"] if label in FOR_EACH else []
    words = "|".join([*variable, *(quoted(value) for value in values)])
    return f'("({words})"|({words}))'


def _starts(names: Iterable[str]) -> Iterator[str]:
    """Plain names as they are, calls with room for blanks; the argument's labels come after it."""
    plain = sorted((n for n in names if "(" not in n), key=len, reverse=True)
    yield from (quoted(name) for name in plain)
    for function in ("anomaly", "change", "lift"):
        inside = sorted(_arguments(names, function), key=len, reverse=True)
        if inside:
            words = "|".join(quoted(first) for first in inside)
            yield rf"{function}\s*\(\s*({words})"


def _arguments(names: Iterable[str], function: str) -> set[str]:
    calls = (name for name in names if name.startswith(f"{function}("))
    inside = (call.removeprefix(f"{function}(").partition(")")[0] for call in calls)
    return {each.split(",")[0] for each in inside if "(" not in each}


def _examples(vocabulary: Vocabulary, behind: str) -> Iterator[str]:
    """One for each signal, and for each value of its label where the settings know them all."""
    known = {**vocabulary.label_values, "slo": tuple(vocabulary.settings.objectives)}
    for spec in vocabulary.catalogue.specs.values():
        for labels in _label_texts(spec, known):
            text = _example(spec, labels)
            if text:
                yield text + behind


def _label_texts(spec: SignalSpec, known: Mapping[str, tuple[str, ...]]) -> list[str]:
    if not spec.labels:
        return [""]
    (label,) = spec.labels  # a signal has at most one
    values = known.get(label) or (_UNKNOWN_VALUE,)
    return [f"{{{label}={value}}}" for value in (values if "(" not in spec.name else values[:1])]


def _example(spec: SignalSpec, labels: str) -> str:
    function, _, rest = spec.name.partition("(")
    if not rest:
        return f"{spec.name}{labels} {_THRESHOLDS[spec.unit]}"
    inside, _, part = rest.rpartition(")")
    if "(" in inside:
        return ""  # functions of functions cannot be written
    if function == "anomaly":
        return f"anomaly({inside}{labels}) rarer than 1 per 30d"
    if function == "change":
        return f"change({inside}{labels})"
    return f"{function}({inside.replace(',', ', ')}){part} < -5%"

"""The JSON Schema (2020-12) of a playbook file, for editors: `selfright playbooks schema`.

Made of the tables the reader itself uses, with the arms, segments and signals of the settings at
hand. It refuses what has the wrong shape; what has no sense is the linter's question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from controller.core.playbook import Autonomy, NoData
from controller.language.action_facts import ACTION_FACTS, EXCLUSION_GROUPS
from controller.language.action_fields import (
    ACTION_FIELDS,
    EITHER,
    MAX_BODY,
    MAX_REPLICAS,
    MAX_SEGMENTS,
    MAX_STAGES,
    THEN,
    URL,
    VERSION,
    Field,
)
from controller.language.condition_schema import DURATION, condition_definitions
from controller.language.document import MAX_MOVES, MAX_RUNGS
from controller.language.fields import NAME
from controller.language.keys import ELSE, GUARDS, KEYS, MOST_EXCLUDES, MOVE_KEYS, Key
from controller.language.lint_together import FROZEN_WORDS
from controller.language.vocabulary import FOR_EACH, Vocabulary

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def playbook_schema(vocabulary: Vocabulary) -> Schema:
    """The whole schema, as plain JSON types."""
    moves = {"$ref": "#/$defs/rung"}
    shapes: dict[str, Schema] = {
        "version": {"enum": [1, "1"]},
        "playbook": _text_like(NAME.pattern),
        "owner": _TEXT,
        "why": _TEXT,
        "for_each": {"enum": list(FOR_EACH)},
        "when": {"$ref": "#/$defs/condition"},
        "no_data": {"enum": [str(each) for each in NoData]},
        "do": moves,
        "otherwise": {"type": "array", "minItems": 1, "maxItems": MAX_RUNGS, "items": moves},
        "clear_when": {"$ref": "#/$defs/clearing"},
        "guards": _described(_guards(), GUARDS),
    }
    return {
        "$schema": DIALECT,
        "title": "A playbook of Selfright",
        "description": f"Arms, segments and signals of the service {vocabulary.settings.service}.",
        **_described(shapes, KEYS),
        "$defs": {
            "duration": {"type": "string", "pattern": rf"^\s*{DURATION}\s*$"},
            "share": _share(0, 100),
            **condition_definitions(vocabulary),
            "rung": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_MOVES,
                "items": {"$ref": "#/$defs/move"},
            },
            "move": _move(vocabulary),
        },
    }


_TEXT: Schema = {"type": ["string", "number"], "pattern": r"\S"}
_DURATION: Schema = {"$ref": "#/$defs/duration"}
_SHARE: Schema = {"$ref": "#/$defs/share"}


def _text_like(pattern: str) -> Schema:
    return {"type": ["string", "number"], "pattern": f"^({pattern})$"}


def _share(above: int, most: int) -> Schema:
    return {
        "type": "string",
        "pattern": rf"^\s*([0-9]{{1,2}}|{most})(\.[0-9]+)?\s*%\s*$",
        "description": f"A share from {above}% to {most}%.",
        "examples": ["10%", "50%", "100%"],
    }


def _described(shapes: dict[str, Schema], keys: Any) -> Schema:
    """An object with these properties and no other, described as the README does."""
    table: dict[str, Key | Field] = dict(keys)
    return {
        "type": "object",
        "properties": {
            name: {"description": table[name].says, **shape} for name, shape in shapes.items()
        },
        "required": [name for name, key in table.items() if key.required],
        "additionalProperties": False,
    }


def _guards() -> dict[str, Schema]:
    return {
        "autonomy": {"enum": [str(each) for each in Autonomy], "default": str(Autonomy.AUTO)},
        "cooldown": _DURATION,
        "budget": {
            "type": "string",
            "pattern": rf"^\s*0*([1-9]|[1-5][0-9]|6[0-4])\s+per\s+{DURATION}\s*$",
            "examples": ["3 per 1h"],
        },
        "excludes": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_EXCLUDES,
            "items": {"enum": list(EXCLUSION_GROUPS)},
        },
        "priority": _whole(0, 100),
    }


def _whole(least: int, most: int) -> Schema:
    """Quoted it is a text to YAML, and read all the same."""
    return {
        "type": ["integer", "string"],
        "minimum": least,
        "maximum": most,
        "pattern": "^[0-9]{1,9}$",
    }


def _move(vocabulary: Vocabulary) -> Schema:
    facts = {each.name: each for each in ACTION_FACTS.values()}
    actions = {
        name: {"description": facts[name].effect, **_action(name, vocabulary)}
        for name in ACTION_FIELDS
    }
    then = {
        "expect": {"description": MOVE_KEYS["expect"].says, "$ref": "#/$defs/expectation"},
        "else": {"description": MOVE_KEYS["else"].says, "enum": list(ELSE)},
    }
    return {
        "type": "object",
        "properties": {**actions, **then},
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in actions],
        "dependentRequired": {"expect": ["else"], "else": ["expect"]},
    }


def _action(name: str, vocabulary: Vocabulary) -> Schema:
    fields = ACTION_FIELDS[name]
    schema = _described({key: _field(field, vocabulary) for key, field in fields.items()}, fields)
    if name in EITHER:
        schema["oneOf"] = [
            {
                "required": sorted(together),
                "not": {"anyOf": [{"required": [o]} for o in sorted(set(fields) - together)]},
            }
            for together in EITHER[name]
        ]
    return schema


def _field(field: Field, vocabulary: Vocabulary) -> Schema:
    stages: Schema = {"type": "array", "minItems": 1, "maxItems": MAX_STAGES, "items": _SHARE}
    shapes: dict[str, Schema] = {
        "arm": {"enum": list(vocabulary.arms)},
        "arm or variable": {"enum": [*vocabulary.arms, "$arm"]},
        "share": {**_SHARE, "not": {"pattern": r"^\s*0+(\.0+)?\s*%"}},
        "part": {**_SHARE, "not": {"pattern": r"^\s*(0+(\.0+)?|100(\.0+)?)\s*%"}},
        "stages": {"anyOf": [stages, _staged(stages)]},
        "segments": _segments(vocabulary),
        "duration": _DURATION,
        "span of data": {
            "type": "string",
            "pattern": rf"^\s*last\s+{DURATION.replace(chr(92) + 's*', '')}\s*$",
            "examples": ["last 24h"],
        },
        "then": {"enum": list(THEN)},
        "version": _text_like(VERSION.pattern),
        "replicas": _whole(1, MAX_REPLICAS),
        "frozen": {**_text_like(NAME.pattern), "examples": list(FROZEN_WORDS)},
        "channel": _text_like(NAME.pattern),
        "text": _TEXT,
        "url": {"type": "string", "pattern": f"^({URL.pattern})$"},
        "body": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MAX_BODY,
            "additionalProperties": _TEXT,
        },
    }
    return shapes[field.kind]


def _staged(stages: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"stages": stages, "every": _DURATION},
        "required": ["stages", "every"],
        "additionalProperties": False,
    }


def _segments(vocabulary: Vocabulary) -> Schema:
    segments = vocabulary.settings.segments
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MAX_SEGMENTS,
        "properties": {name: {"enum": _words(values)} for name, values in segments.items()},
        "additionalProperties": False,
    }


def _words(values: Iterable[str]) -> list[str | float]:
    """As texts, and as the numbers YAML takes some of them for."""
    numbers = (float(value) for value in values if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value))
    return [*values, *numbers]

"""Scenario documents as text and back: YAML to plain data that knows its lines, and plain data to
YAML. Knows nothing of what a scenario may say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from controller.errors import BadInput
from controller.language.findings import Problem
from controller.language.yaml_text import (
    MAX_BYTES,
    YamlList,
    YamlMap,
    YamlNode,
    YamlText,
    read_yaml,
)

Location = tuple[str | int, ...]
WIDTH = 96
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_DECIMAL = re.compile(r"-?\d+\.\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a document came from; without a file it was made, and has no lines."""

    file: str = ""
    lines: dict[Location, int] = field(default_factory=dict)

    def refusal(self, where: Sequence[str | int], what: str) -> BadInput:
        """One line with the nearest place that is known."""
        location = tuple(where)
        while location and location not in self.lines:
            location = location[:-1]
        return BadInput(what, file=self.file, line=self.lines.get(location), field=_path(where))


def read_document(path: Path) -> tuple[dict[str, Any], Source]:
    """The file as plain data, with the line of every value. Raise BadInput."""
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1).decode()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"cannot be read: {reason}", file=str(path)) from None
    except UnicodeDecodeError:
        raise BadInput("not UTF-8; accepted: UTF-8 text", file=str(path)) from None
    return document_from_text(text, str(path))


def document_from_text(text: str, file: str = "") -> tuple[dict[str, Any], Source]:
    """As `read_document`; ``file`` is only named."""
    try:
        root = read_yaml(text)
    except Problem as problem:
        found = problem.finding
        what = found.what().replace("one playbook", "one scenario")
        raise BadInput(what, file=file, line=found.line, field=found.field) from None
    source = Source(file)
    plain = _plain(root, (), source.lines)
    if not isinstance(plain, dict):
        raise BadInput("accepted: a mapping that starts with `version: 1`", file=file, line=1)
    return plain, source


def to_yaml(document: dict[str, Any]) -> str:
    """The document as people write it: short mappings on one line."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump({key: _styled(value, 1) for key, value in document.items()}, out)
    return out.getvalue()


def _plain(node: YamlNode, at: Location, lines: dict[Location, int]) -> Any:
    lines.setdefault(at, node.place.line)
    match node:
        case YamlText():
            return _scalar(node)
        case YamlList():
            return [_plain(item, (*at, place), lines) for place, item in enumerate(node.items)]
        case YamlMap():
            for key, place in node.key_places.items():
                lines[(*at, key)] = place.line
            return {key: _plain(value, (*at, key), lines) for key, value in node.entries.items()}


def _scalar(node: YamlText) -> Any:
    if node.kind == "null":
        return None
    if node.kind == "bool":
        return node.text.lower() == "true"
    if node.kind == "number" and _WHOLE.fullmatch(node.text):
        return int(node.text)
    if node.kind == "number" and _DECIMAL.fullmatch(node.text):
        return float(node.text)
    return node.text


def _styled(value: Any, depth: int) -> Any:
    """Block style for the outer lists, flow style for mappings inside."""
    if isinstance(value, dict):
        styled = CommentedMap({key: _styled(each, depth + 1) for key, each in value.items()})
        if depth > 2 or not any(isinstance(each, dict) for each in value.values()):
            styled.fa.set_flow_style()
        return styled
    if isinstance(value, list):
        listed = CommentedSeq([_styled(each, depth + 1) for each in value])
        if not any(isinstance(each, dict) for each in value):
            listed.fa.set_flow_style()
        return listed
    return value


def _path(where: Sequence[str | int]) -> str:
    """``faults[1].slow_primary.delay``: lists are counted from 1, as people do."""
    path = ""
    for part in where:
        path += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if path else part
    return path

"""Reads the YAML files a person hands in (JSON is YAML too), bounded, as plain values with lines.

ruamel.yaml composes, we make the values ourselves: of its constructors only those of numbers run,
a date stays the text it was, and no tag, alias or depth of nesting makes more than the bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from controller.errors import BadInput
from controller.yaml_nodes import NotYaml, compose_all

MAX_BYTES = 1_000_000
MAX_VALUES = 50_000
"""Counted with aliases expanded, so an alias bomb ends here."""
MAX_DEPTH = 32
MAX_DIGITS = 64

_TAG = "tag:yaml.org,2002:"
_TEXTS = {f"{_TAG}{name}" for name in ("str", "timestamp", "value")}
_OTHERS = {f"{_TAG}{name}" for name in ("int", "float", "bool", "null")}
_MERGE = f"{_TAG}merge"


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """``value``: dict with text as keys, list, str, int, float, bool or None. ``key_lines``: the
    line of each key, by the keys and indices that lead to it."""

    value: Any
    key_lines: Mapping[tuple[str | int, ...], int]


def read_documents(path: Path) -> tuple[YamlDocument, ...]:
    """All documents of a UTF-8 file, none for an empty one. Raise BadInput naming file, line and
    what is accepted."""
    file = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"larger than {MAX_BYTES} bytes", file=file)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", file=file) from None
    try:
        roots = compose_all(text, MAX_DEPTH)
    except NotYaml as error:
        if error.kind == "depth":
            raise _too_large(file, error.line) from None
        accepted = "; accepted: printable text" if error.kind == "character" else ""
        what = f"is not YAML: {error.what}{accepted}"
        raise BadInput(what, file=file, line=error.line) from None
    return tuple(_Plain(file).document(root) for root in roots)


def _too_large(file: str, line: int | None) -> BadInput:
    what = (
        f"too large or nested too deeply; accepted: at most {MAX_DEPTH} levels and "
        f"{MAX_VALUES} values, aliases expanded"
    )
    return BadInput(what, file=file, line=line)


class _Plain:
    """Makes plain values of one document's nodes, and counts them."""

    def __init__(self, file: str) -> None:
        self._constructor = YAML(typ="safe", pure=True).constructor
        self._file = file
        self._values = 0
        self._key_lines: dict[tuple[str | int, ...], int] = {}

    def document(self, root: Node) -> YamlDocument:
        return YamlDocument(self._value(root, ()), self._key_lines)

    def _refused(self, what: str, node: Node) -> BadInput:
        return BadInput(what, file=self._file, line=node.start_mark.line + 1)

    def _value(self, node: Node, at: tuple[str | int, ...]) -> Any:
        self._values += 1
        if self._values > MAX_VALUES or len(at) > MAX_DEPTH:
            raise _too_large(self._file, node.start_mark.line + 1)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self._value(item, (*at, i)) for i, item in enumerate(node.value)]
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, at)
        raise self._tag(node)

    def _tag(self, node: Node) -> BadInput:
        tag = str(node.tag).replace(_TAG, "!!")
        return self._refused(f"the tag {tag[:80]!r} is not read; accepted: plain values", node)

    def _mapping(self, node: MappingNode, at: tuple[str | int, ...]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = self._merged(value_node, at) | merged
                continue
            key = self._value(key_node, at)
            if not isinstance(key, str):
                what = f"the key {str(key)[:80]!r} is no text; accepted: text, quoted if need be"
                raise self._refused(what, key_node)
            if key in own:
                raise self._refused(f"{key[:80]!r} is given twice; accepted: once", key_node)
            self._key_lines[*at, key] = key_node.start_mark.line + 1
            own[key] = self._value(value_node, (*at, key))
        return merged | own

    def _merged(self, node: Node, at: tuple[str | int, ...]) -> dict[str, Any]:
        """What ``<<`` brings in: of one mapping, or of several, where earlier ones win."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, Any] = {}
        for part in parts:
            if not isinstance(part, MappingNode):
                raise self._refused("<< takes a mapping, or a list of them", part)
            found = self._value(part, (*at, "<<")) | found
        return found

    def _scalar(self, node: ScalarNode) -> Any:
        text = str(node.value)
        if node.tag in _TEXTS:
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise self._refused("half a surrogate pair; accepted: Unicode text", node)
            return text
        if node.tag not in _OTHERS:
            raise self._tag(node)
        if len(text) > MAX_DIGITS:
            what = f"a number of {len(text)} characters; accepted: at most {MAX_DIGITS}"
            raise self._refused(what, node)
        try:
            return self._constructor.construct_object(node)
        except (ValueError, LookupError, ArithmeticError, YAMLError):
            tag = str(node.tag).removeprefix(_TAG)
            what = f"{text!r} is no {tag}; accepted: plain values"
            raise self._refused(what, node) from None

"""YAML 1.2 text to a small tree whose every part knows its line and column.

ruamel.yaml composes, we read the nodes ourselves: no constructors run, scalars stay the text the
author wrote (``010`` is not 8, ``on`` is not true), and nothing is guessed. Knows no playbooks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from controller.language.findings import Place, Problem
from controller.steering import STEERING
from controller.yaml_nodes import NotYaml, compose_one

MAX_BYTES = 32_768
"""A playbook's text goes into every incident's state, which itself is bounded."""
MAX_NODES = 4_000
"""Counted with aliases expanded, so an alias bomb ends here."""
MAX_DEPTH = 24

QUOTE_ADVICE = 'quote conditions inside [ ] or { }: ["latency_ms.p95 > 200ms for 2s"]'

Kind = Literal["text", "bool", "number", "null"]
_TAG = "tag:yaml.org,2002:"
_KINDS: dict[str, Kind] = {
    f"{_TAG}str": "text",
    f"{_TAG}timestamp": "text",
    f"{_TAG}value": "text",
    f"{_TAG}merge": "text",
    f"{_TAG}bool": "bool",
    f"{_TAG}int": "number",
    f"{_TAG}float": "number",
    f"{_TAG}null": "null",
}


@dataclass(frozen=True, slots=True)
class YamlText:
    """A scalar as written. ``in_flow``: it stands unquoted inside ``[ ]`` or ``{ }``.

    ``single_line`` means a character of ``text`` at ``i`` is in the file at ``place.column + i``.
    """

    text: str
    place: Place
    kind: Kind
    in_flow: bool = False
    single_line: bool = True


@dataclass(frozen=True, slots=True)
class YamlList:
    items: tuple[YamlNode, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class YamlMap:
    """Keys in the order of the file; ``key_places`` has where each key stands."""

    entries: dict[str, YamlNode]
    key_places: dict[str, Place]
    place: Place
    in_flow: bool = False


YamlNode = YamlText | YamlList | YamlMap


def read_yaml(text: str) -> YamlNode:
    """Compose one document. Raise Problem with the place of the first thing that is wrong."""
    size = len(text.encode(errors="replace"))
    if size > MAX_BYTES:
        raise Problem(
            "P001",
            f"the file has {size} bytes",
            f"accepted: at most {MAX_BYTES}",
            place=Place(1),
        )
    try:
        root = compose_one(text, MAX_DEPTH)
    except NotYaml as error:
        raise _problem(error, text) from None
    if root is None:
        raise Problem("P002", "the file is empty", "accepted: one playbook", place=Place(1))
    return _Tree().convert(root, in_flow=False, depth=0)


def check_readable(node: YamlNode) -> None:
    """Raise Problem for a text whose escapes steer a terminal or turn text around."""
    if isinstance(node, YamlText):
        _check_text(node.text, node.place)
    elif isinstance(node, YamlList):
        for item in node.items:
            check_readable(item)
    else:
        for key, value in node.entries.items():
            _check_text(key, node.key_places[key])
            check_readable(value)


def _check_text(text: str, place: Place) -> None:
    found = STEERING.search(text)
    if found is not None:
        raise _unprintable(f"the character #x{ord(found[0]):04x}", place)


def _unprintable(what: str, place: Place) -> Problem:
    return Problem("P002", f"{what} stands in the text", "accepted: printable text", place=place)


def _problem(error: NotYaml, text: str) -> Problem:
    place, problem = Place(error.line or 1, error.column), error.what
    if error.kind == "depth":
        return _too_deep(place)
    if error.kind == "character":
        return _unprintable(problem, place)
    if "another document" in problem:
        return Problem(
            "P002", "a second document starts here", "accepted: one playbook a file", place=place
        )
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if line and _looks_like_flow_condition(lines, place):
        return Problem("P006", "a condition in flow style is not quoted", QUOTE_ADVICE, place=place)
    advice = "accepted: YAML 1.2"
    if line[place.column : place.column + 1] == "\t":
        advice = "indent with spaces"
    elif "mapping values are not allowed" in problem:
        advice = "quote text that holds ': '"
    return Problem("P002", f"not YAML: {problem}", advice, place=place)


def _looks_like_flow_condition(lines: list[str], place: Place) -> bool:
    """Inside an open bracket, and with the signs of a condition on the line."""
    above, line = "".join(lines[: place.line - 1]), lines[place.line - 1]
    value = line.split(":", 1)[-1].lstrip(" -")
    opened = value[:1] in ("[", "{") or any(
        above.count(opening) > above.count(closing) for opening, closing in ("[]", "{}")
    )
    return opened and any(sign in line for sign in ("<", ">"))


def _too_deep(place: Place) -> Problem:
    return Problem(
        "P005",
        "too large or nested too deeply",
        f"accepted: at most {MAX_DEPTH} levels and {MAX_NODES} values, aliases expanded",
        place=place,
    )


class _Tree:
    """Converts nodes and counts them, so that aliases cannot multiply without end."""

    def __init__(self) -> None:
        self._nodes = 0

    def convert(self, node: Node, *, in_flow: bool, depth: int) -> YamlNode:
        place = Place(node.start_mark.line + 1, node.start_mark.column)
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise _too_deep(place)
        if isinstance(node, ScalarNode):
            return _scalar(node, place, in_flow)
        assert isinstance(node, (MappingNode, SequenceNode))
        flow = bool(node.flow_style)
        self._refuse_tag(node, place)
        if isinstance(node, SequenceNode):
            items = tuple(self.convert(n, in_flow=flow, depth=depth + 1) for n in node.value)
            return YamlList(items, place)
        return self._mapping(node, place, flow, depth)

    def _mapping(self, node: MappingNode, place: Place, flow: bool, depth: int) -> YamlMap:
        entries: dict[str, YamlNode] = {}
        key_places: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key_place = Place(key_node.start_mark.line + 1, key_node.start_mark.column)
            key = _key(key_node, key_place)
            if key in entries:
                first = key_places[key].line
                raise Problem(
                    "P004",
                    f"{key!r} is given twice (first in line {first})",
                    "accepted: once",
                    place=key_place,
                )
            key_places[key] = key_place
            value = self.convert(value_node, in_flow=flow, depth=depth + 1)
            if isinstance(value, YamlText) and not value.text:
                value = replace(value, place=key_place)  # what is not there has no place
            entries[key] = value
        return YamlMap(entries, key_places, place, flow)

    def _refuse_tag(self, node: Node, place: Place) -> None:
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            raise _tag_problem(node, place)


def _key(node: Node, place: Place) -> str:
    if not isinstance(node, ScalarNode):
        raise Problem("P006", "a list or mapping stands as a key", QUOTE_ADVICE, place=place)
    scalar = _scalar(node, place, in_flow=False)
    if scalar.kind != "text":
        what = {"bool": "a YAML boolean", "number": "a number", "null": "a YAML null"}[scalar.kind]
        raise Problem(
            "P003",
            f"the key {scalar.text!r} is {what}",
            f'accepted: text; quote it ("{scalar.text}") if it is meant',
            place=place,
        )
    if node.tag == f"{_TAG}merge":
        raise Problem(
            "P005", "merge keys (<<) are not read", "accepted: write the keys out", place=place
        )
    return scalar.text


def _scalar(node: ScalarNode, place: Place, in_flow: bool) -> YamlText:
    kind = _KINDS.get(str(node.tag))
    if kind is None:
        raise _tag_problem(node, place)
    quoted = node.style in ("'", '"')
    column = place.column + 1 if quoted else place.column
    one_line = node.start_mark.line == node.end_mark.line and node.style not in ("|", ">")
    return YamlText(
        str(node.value), Place(place.line, column), kind, in_flow and not quoted, one_line
    )


def _tag_problem(node: Node, place: Place) -> Problem:
    tag = str(node.tag).replace(_TAG, "!!")
    return Problem("P005", f"the tag {tag} is not read", "accepted: plain values", place=place)

"""Reads one YAML mapping by its accepted keys: unknown, missing and mistyped are Problems.

Every value is asked for by name and kind; places of all fields are kept for the linter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeVar

from controller.language import quantities
from controller.language.findings import Place, Problem
from controller.language.yaml_text import QUOTE_ADVICE, YamlList, YamlMap, YamlNode, YamlText

T = TypeVar("T")
NAME = re.compile(r"[a-z][a-z0-9_\-]{0,62}", re.ASCII)
VARIABLE_OR_NAME = re.compile(r"\$?[a-z][a-z0-9_\-]{0,62}", re.ASCII)


@dataclass(slots=True)
class Places:
    """Field path to where it stands; a path without an own place has that of its parent."""

    known: dict[str, Place] = field(default_factory=dict)

    def of(self, path: str) -> Place:
        while path and path not in self.known:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.known.get(path, Place(1))


def one_of(accepted: Sequence[str]) -> str:
    return "accepted: " + ", ".join(accepted)


def suggestion(word: str, accepted: Sequence[str]) -> str:
    """``accepted: a, b, c``, with the likely one first when there is one."""
    close = get_close_matches(word, accepted, n=1, cutoff=0.7)
    meant = f"did you mean {close[0]}? " if close else ""
    return meant + one_of(accepted)


def text_of(node: YamlNode, path: str) -> YamlText:
    """A scalar that is not a boolean or null. Raise Problem P012 (P006 for broken flow style)."""
    if isinstance(node, YamlText) and node.kind in ("text", "number"):
        if node.text.strip():
            return node
        raise Problem("P012", "is empty", "accepted: text", place=node.place, field=path)
    if isinstance(node, YamlText) and node.kind == "bool":
        advice = f'accepted: text; quote it ("{node.text}")'
        what = f"{node.text} is a YAML boolean"
        raise Problem("P012", what, advice, place=node.place, field=path)
    if isinstance(node, YamlMap) and node.in_flow:
        what = "a mapping stands where text is expected"
        advice = f"accepted: text; {QUOTE_ADVICE}"
        raise Problem("P006", what, advice, place=node.place, field=path)
    raise Problem("P012", f"{kind_of(node)}", "accepted: text", place=node.place, field=path)


def list_of(node: YamlNode, path: str, example: str, most: int) -> tuple[YamlNode, ...]:
    """The items of a list that is neither empty nor longer than ``most``."""
    if not isinstance(node, YamlList):
        advice = f"accepted: a list, like {example}"
        raise Problem("P012", kind_of(node), advice, place=node.place, field=path)
    if not 0 < len(node.items) <= most:
        advice = f"accepted: 1 to {most}"
        what = f"a list of {len(node.items)}"
        raise Problem("P012", what, advice, place=node.place, field=path)
    return node.items


def kind_of(node: YamlNode) -> str:
    if isinstance(node, YamlText):
        return "is empty" if node.kind == "null" else f"is {node.text!r}"
    return "is a list" if isinstance(node, YamlList) else "is a mapping"


class Fields:
    """One mapping. Construction refuses unknown keys; the getters refuse the rest."""

    def __init__(self, node: YamlNode, path: str, accepted: Sequence[str], places: Places) -> None:
        if not isinstance(node, YamlMap):
            advice = f"accepted: a mapping with {', '.join(accepted)}"
            raise Problem("P012", kind_of(node), advice, place=node.place, field=path)
        self.path = path
        self.place = node.place
        self._entries = node.entries
        self._places = places
        if path:
            places.known.setdefault(path, node.place)
        for key, value in node.entries.items():
            if key not in accepted:
                note = " (plain text in YAML 1.2)" if key in ("on", "off", "yes", "no") else ""
                raise Problem(
                    "P010",
                    f"unknown key {key!r}{note}",
                    suggestion(key, accepted),
                    place=node.key_places[key],
                    field=self.at(key),
                )
            places.known[self.at(key)] = value.place

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        return key in self._entries

    def node(self, key: str, accepted: str) -> YamlNode:
        """The value of a required key."""
        if key not in self._entries:
            advice = f"accepted: {accepted}"
            raise Problem("P011", "is missing", advice, place=self.place, field=self.at(key))
        return self._entries[key]

    def text(self, key: str, accepted: str) -> str:
        return text_of(self.node(key, accepted), self.at(key)).text.strip()

    def matching(self, key: str, pattern: re.Pattern[str], accepted: str) -> str:
        value = text_of(self.node(key, accepted), self.at(key))
        if not pattern.fullmatch(value.text):
            what = f"is {value.text!r}"
            advice = f"accepted: {accepted}"
            raise Problem("P012", what, advice, place=value.place, field=self.at(key))
        return value.text

    def choice(self, key: str, accepted: Sequence[str]) -> str:
        value = text_of(self.node(key, ", ".join(accepted)), self.at(key))
        if value.text not in accepted:
            what = f"is {value.text!r}"
            advice = suggestion(value.text, accepted)
            raise Problem("P012", what, advice, place=value.place, field=self.at(key))
        return value.text

    def quantity(self, key: str, read: Callable[[str], T], accepted: str) -> T:
        """A duration, share or budget. Raise Problem P013."""
        return quantity_of(self.node(key, accepted), self.at(key), read)

    def duration_s(self, key: str, most_s: float = quantities.MAX_SPAN_S) -> float:
        found_s = self.quantity(key, quantities.duration_s, "a duration, like 30s")
        if found_s > most_s:
            path, advice = self.at(key), f"accepted: at most {quantities.duration_text(most_s)}"
            raise Problem("P012", "is too long", advice, place=self._places.of(path), field=path)
        return found_s

    def share(self, key: str) -> float:
        return self.quantity(key, quantities.share, "a share, like 20%")

    def whole(self, key: str, least: int, most: int) -> int:
        accepted = f"a whole number from {least} to {most}"
        value = text_of(self.node(key, accepted), self.at(key))
        ascii_digits = value.text.isascii() and value.text.isdigit() and len(value.text) < 10
        if not ascii_digits or not least <= int(value.text) <= most:
            what = f"is {value.text!r}"
            advice = f"accepted: {accepted}"
            raise Problem("P012", what, advice, place=value.place, field=self.at(key))
        return int(value.text)

    def texts(self, key: str, most: int) -> dict[str, str]:
        """A mapping of text to text, ``{}`` when the key is not given."""
        if key not in self._entries:
            return {}
        node = self._entries[key]
        if not isinstance(node, YamlMap) or not 0 < len(node.entries) <= most:
            advice = f"accepted: a mapping of 1 to {most} texts, like {{platform: ios}}"
            what = kind_of(node) if not isinstance(node, YamlMap) else "is empty or too long"
            raise Problem("P012", what, advice, place=node.place, field=self.at(key))
        found = {}
        for name, value in node.entries.items():
            self._places.known[f"{self.at(key)}.{name}"] = value.place
            found[name] = text_of(value, f"{self.at(key)}.{name}").text
        return found


def quantity_of(node: YamlNode, path: str, read: Callable[[str], T]) -> T:
    value = text_of(node, path)
    try:
        return read(value.text)
    except ValueError as error:
        what, _, advice = str(error).partition("; ")
        raise Problem("P013", what, advice, place=value.place, field=path) from None

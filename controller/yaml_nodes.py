"""YAML text to nodes: ruamel.yaml composes, nothing is constructed, and all that can be wrong with
a text has one shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node
from ruamel.yaml.reader import ReaderError

from controller.steering import STEERING

_Found = TypeVar("_Found")


class NotYaml(Exception):
    """``line`` counts from 1 (None: nobody knows), ``column`` from 0.

    ``kind``: ``syntax``, ``character`` (one that no YAML holds, or that steers terminals or turns
    text around), ``depth`` (beyond what was
    asked), or ``value`` (an escape or a version that no text can hold).
    """

    def __init__(
        self,
        kind: Literal["syntax", "character", "depth", "value"],
        what: str,
        line: int | None = None,
        column: int = 0,
    ) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = " ".join(what.split())
        self.line = line
        self.column = column


def compose_one(text: str, max_depth: int) -> Node | None:
    """The root of the only document, None when it is empty. Raise NotYaml."""
    root: Node | None = _composed(text, max_depth, lambda yaml: yaml.compose(text))
    return root


def compose_all(text: str, max_depth: int) -> list[Node]:
    """The root of each document. Raise NotYaml."""
    return _composed(text, max_depth, lambda yaml: list(yaml.compose_all(text)))


def _check_characters(text: str) -> None:
    """What is written (a comment too) is what is read: nothing hides, nothing is turned around."""
    written = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found = STEERING.search(written)
    if found is not None:
        raise _steering(found[0], written.count("\n", 0, found.start()) + 1)


def _steering(character: str, line: int) -> NotYaml:
    return NotYaml("character", f"the character #x{ord(character):04x}", line)


def _composed(text: str, max_depth: int, compose: Callable[[YAML], _Found]) -> _Found:
    _check_characters(text)
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = max_depth
    yaml.composer.warn_double_anchors = False  # YAML allows them; a warning is a second line
    try:
        return compose(yaml)
    except MaxDepthExceededError as error:
        raise NotYaml("depth", "nested too deeply", error.problem_mark.line + 1) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = str(error.problem or error.context or "cannot be read")
        if mark is None:
            raise NotYaml("syntax", what) from None
        raise NotYaml("syntax", what, mark.line + 1, mark.column) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = error.character
        raise _steering(chr(character) if isinstance(character, int) else character, line) from None
    except (YAMLError, ValueError, ArithmeticError) as error:
        raise NotYaml("value", str(error)) from None

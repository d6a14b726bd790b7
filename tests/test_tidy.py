"""Rules of style that people forget and a test does not. Each rule carries its reason."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = (
    "selfright",
    "simulator",
    "serving",
    "models",
    "controller",
    "playbooks",
    "benchmarks",
    "examples",
)
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

BANNED_FILE_NAMES = {
    "utils": "say what it holds",
    "helpers": "say what it holds",
    "common": "say what it holds",
    "base": "say what it is the base of, or use a Protocol",
    "manager": "say what it does",
    "misc": "say what it holds",
}
BANNED_TEXT = {
    r"yaml\.load\((?!text\))": "YAML is composed or loaded by the safe readers only",
    r"allow_pickle=True": "model files are arrays and JSON, never pickle",
    r"except Exception:\s*\n\s*pass": "an exception is counted, logged or a value, never swallowed",
    r"0\.0\.0\.0": "bind to loopback by default",
    r"\bTODO\b|\bFIXME\b|\bXXX\b": "finish it or write the weakness into the README",
}


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=_named)
def test_file_is_one_readable_idea(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= FILE_LINES_MAX, f"{lines} lines; split it into two ideas"
    assert path.stem not in BANNED_FILE_NAMES, BANNED_FILE_NAMES.get(path.stem)
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "the module docstring says what the file holds"


@pytest.mark.parametrize("path", SOURCES, ids=_named)
def test_functions_fit_on_a_screen(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = {
        node.name: (node.end_lineno or 0) - node.lineno + 1 - _docstring_lines(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: n for name, n in long.items() if n > FUNCTION_LINES_MAX} == {}


@pytest.mark.parametrize("path", SOURCES, ids=_named)
def test_no_banned_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = {why for pattern, why in BANNED_TEXT.items() if re.search(pattern, text)}
    assert found == set()


def test_no_registry_host_is_named() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index|--find-links|--extra-index", lock)


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return (first.end_lineno or 0) - first.lineno + 1
    return 0

"""Playbook tests have no clock, no disk and no chance of their own, but for the file that loads."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import controller.rehearsal

FOLDER = Path(controller.rehearsal.__file__).parent
PURE = sorted(path for path in FOLDER.glob("*.py") if path.stem != "loading")
BANNED = {"os", "pathlib", "time", "datetime", "socket", "subprocess", "logging", "secrets", "io"}
INSIDE = ("controller.core", "controller.language", "controller.proving", "controller.rehearsal")


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.stem)
def test_it_imports_nothing_that_reads_the_world(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    named |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert not {name.split(".")[0] for name in named} & BANNED
    assert [n for n in named if n.startswith("controller") and not n.startswith(INSIDE)] == []

"""Each sub-command is found where it is said to be, and only what was typed is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

import selfright
from selfright.command import COMMANDS, command_for


def names(*words: str) -> set[str]:
    return set(typer.main.get_group(command_for(words)).commands)


@pytest.mark.parametrize("name", [*COMMANDS, "up"])
def test_a_sub_command_is_there_when_it_is_typed(name: str) -> None:
    assert name in names(name, "--some-option")


@pytest.mark.parametrize("words", [(), ("--help",), ("statsu",)], ids=["nothing", "help", "typo"])
def test_help_and_typing_errors_know_all_of_them(words: tuple[str, ...]) -> None:
    assert names(*words) == {"up", *COMMANDS}


def test_no_module_of_sub_commands_is_forgotten() -> None:
    modules = Path(selfright.__file__).parent.glob("*_command.py")
    registering = {path.stem for path in modules if "def register(" in path.read_text("utf-8")}
    assert registering == set(COMMANDS.values())


def test_status_waits_for_no_import_it_does_not_need() -> None:
    look = "import sys; from selfright.command import command_for; command_for(['status']); "
    look += "print(sorted({'pyarrow', 'scipy', 'sklearn', 'kafka', 'matplotlib'} & {*sys.modules}))"
    words = [sys.executable, "-c", look]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "[]\n"

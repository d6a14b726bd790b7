"""No text of a log, a settings file or a playbook steers the terminal it is shown on."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from controller.errors import BadInput
from controller.steering import STEERING, visible
from selfright.terminal import SafeConsole, refusal
from tests.examples import examples

EVIL = "a\x1b[31mb\u202ec\x9b1md\udc80"


def shown(*things: object, **options: bool) -> str:
    file = io.StringIO()
    SafeConsole(file=file, width=80, **options).print(*things)
    return file.getvalue()


def test_characters_that_steer_are_shown_as_they_are_escaped() -> None:
    assert visible(EVIL) == r"a\x1b[31mb\u202ec\x9b1md\udc80"
    assert visible("é \t😀\n") == "é \t😀\n"


@pytest.mark.parametrize("hold", [Text, Panel, lambda text: text])
def test_whatever_holds_a_text_shows_it_without_steering(hold: object) -> None:
    assert r"a\x1b[31mb\u202ec\x9b1md" in shown(hold(EVIL), markup=False)  # type: ignore[operator]


def test_a_table_is_safe_and_keeps_its_own_colours() -> None:
    table = Table("what")
    table.add_row(Text(EVIL, "red"))
    coloured = shown(table, force_terminal=True)
    assert "\x1b[31ma\\x1b[31mb" in coloured


def test_a_refusal_is_safe(capsys: pytest.CaptureFixture[str]) -> None:
    refusal(BadInput("is bad", file=EVIL))
    assert STEERING.search(capsys.readouterr().err.rstrip("\n")) is None


@settings(max_examples=examples(30))
@given(st.text(max_size=30))
def test_no_text_reaches_the_terminal_as_a_command(text: str) -> None:
    assert STEERING.search(visible(text)) is None
    assert STEERING.search(shown(Text(text))) is None
    shown(text, markup=False).encode()

"""`selfright playbooks check | show | rule | schema`: what people and machines see; exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from selfright import playbooks_command


@pytest.fixture
def folder(language: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one good playbook, and no settings file near it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(language.text())
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(playbooks_command.app, list(arguments))


def test_a_clean_folder_says_so(folder: Path) -> None:
    result = run("check", str(folder))
    assert (result.exit_code, result.output) == (0, "1 playbook, no findings\n")


def test_an_error_is_one_line_and_exit_code_2(folder: Path, language: Any) -> None:
    bad = folder / "bad.yaml"
    bad.write_text(language.text(no_data="ignore", playbook="other"))
    result = run("check", str(bad), str(folder / "good.yaml"))
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        f"{bad}:6: P012 error: no_data: is 'ignore'; accepted: hold, act, escalate",
        "2 playbooks, 1 errors, 0 warnings",
    ]


def test_a_warning_is_exit_code_0(folder: Path, language: Any) -> None:
    (folder / "good.yaml").write_text(language.text(guards="{cooldown: 30m}"))
    result = run("check", str(folder))
    assert result.exit_code == 0
    assert "P039 warning: guards.budget" in result.output


def test_in_a_terminal_a_caret_shows_the_place(
    folder: Path, language: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    (folder / "good.yaml").write_text(language.text(when="arm_bad{arm=primary} >> 20%"))
    result = run("check", str(folder))
    _, source, caret, _ = result.output.splitlines()
    assert source == "    when: arm_bad{arm=primary} >> 20%"
    assert caret.endswith("^")
    assert source[caret.index("^") :] == "> 20%"


def test_json_has_every_finding(folder: Path, language: Any) -> None:
    (folder / "good.yaml").write_text(language.text(no_data=None))
    result = run("check", str(folder), "--json")
    assert result.exit_code == 2
    (found,) = json.loads(result.output)
    assert (found["rule"], found["severity"], found["line"]) == ("P011", "error", 1)


def test_arms_come_from_the_settings_file(folder: Path, language: Any) -> None:
    settings = folder / "mine.yaml"
    settings.write_text("version: 1\narms: {main: {share: 1.0}, fallback: {}}\n")
    result = run("check", str(folder / "good.yaml"), "--settings", str(settings))
    assert result.exit_code == 2
    assert "unknown arm 'primary'; accepted: main, fallback" in result.output


def test_a_folder_without_playbooks_is_bad_input(folder: Path) -> None:
    (folder / "empty").mkdir()
    result = run("check", str(folder / "empty"))
    assert result.exit_code == 2
    assert "no YAML files" in result.output


def test_show_says_it_in_sentences(folder: Path) -> None:
    result = run("show", str(folder / "good.yaml"))
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "slow, owned by oncall",
        "It is slow.",
        "",
        "When arm_bad{arm=primary} > 20% for 3s:",
        "  When it cannot be told (too little data, or none), nothing is done.",
        "",
        "It",
        "  - routes 100 % of primary to fallback",
        "",
        "It ends when arm_bad{arm=primary}[30s] < 2% for 60s.",
        "  Then the traffic of primary comes back in stages of 10 %, 50 %, 100 %, 30 s each.",
        "",
        "Autonomy auto, priority 50. Cooldown 10 min; at most 3 per 60 min.",
    ]


def test_show_of_a_bad_playbook_is_one_line(folder: Path, language: Any) -> None:
    (folder / "good.yaml").write_text(language.text(owner=None))
    result = run("show", "good.yaml")
    assert result.exit_code == 2
    assert (
        result.output
        == "selfright: good.yaml:1: owner: is missing; accepted: who is asked about it\n"
    )


def test_rule_prints_a_page(folder: Path) -> None:
    result = run("rule", "P031")
    assert result.exit_code == 0
    assert "## P031" in result.output
    assert "when: latency_ms.p95 > 250ms" in result.output
    assert run("rule").output.startswith("# The rules of")
    unknown = run("rule", "P31")
    assert unknown.exit_code == 2
    assert unknown.output.startswith("selfright: unknown rule 'P31'; did you mean P")


def test_schema_is_written_for_the_settings_at_hand(folder: Path) -> None:
    (folder / "selfright.yaml").write_text("version: 1\narms: {main: {share: 1.0}, fallback: {}}\n")
    assert run("schema", "--output", "playbook.schema.json").output == ""
    written = (folder / "playbook.schema.json").read_text()
    assert written == run("schema").output
    route = json.loads(written)["$defs"]["move"]["properties"]["route"]
    assert route["properties"]["from"]["enum"] == ["main", "fallback"]


def test_a_place_that_cannot_be_written_is_one_line(folder: Path) -> None:
    (folder / "file").write_text("")
    result = run("schema", "--output", str(folder / "file" / "schema.json"))
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert "cannot be written" in result.output

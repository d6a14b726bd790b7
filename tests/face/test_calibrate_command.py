"""`selfright calibrate --simulate`: how long it may be, and whose arms and segments it learns."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from selfright import calibrate_command
from selfright.command import main
from simulator.scenario.model import Scenario

RULE = """\
version: 1
playbook: theirs
owner: nobody
why: A test.
when: {when}
no_data: hold
do:
  - notify: {{channel: oncall}}
clear_when: {clear}
guards: {{autonomy: auto, cooldown: 10m, budget: 3 per 1h}}
"""
SETTINGS = """\
version: 1
service: theirs
arms:
  champion: {share: 1.0, deadline_ms: 150}
  fallback: {share: 0.0, deadline_ms: 70}
segments: {country: [no, se]}
"""


def answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["selfright", "calibrate", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.out, said.err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the user's own settings and no rules yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "selfright.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "playbooks").mkdir()
    return tmp_path


def rule(folder: Path, quantity: str) -> None:
    text = RULE.format(when=f'"{quantity} > 50%"', clear=f'"{quantity} < 2%"')
    (folder / "playbooks" / "theirs.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ("999ms", "out of range; accepted: 1s to 30d"),
        ("31d", "out of range; accepted: 1s to 30d"),
        ("720.001h", "out of range; accepted: 1s to 30d"),
        ("2w", "is not a duration"),
        ("6", "is not a duration"),
        ("0s", "is not a duration"),
        ("-1h", "is not a duration"),
        ("nan", "is not a duration"),
        ("1e999d", "is not a duration"),
        ("h", "is not a duration"),
        (f"{'9' * 400}d", "out of range"),
    ],
)
def test_a_length_that_cannot_be_is_one_line(
    length: str,
    said: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rule(folder, "arm_bad{arm=champion}")
    code, out, error = answer(monkeypatch, capsys, "--simulate", length)
    assert (code, out) == (2, "")
    assert error.startswith("selfright: --simulate: ")
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("length", "seconds"), [("1s", 1.0), ("30d", 2_592_000.0)])
def test_both_ends_of_the_range_are_run_as_long_as_they_say(
    length: str,
    seconds: float,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rule(folder, "arm_bad{arm=champion}")
    asked: list[Scenario] = []

    def begin(scenario: Scenario, *_: Any, **__: Any) -> None:
        """A month takes an hour: only that it would begin."""
        asked.append(scenario)

    monkeypatch.setattr(calibrate_command, "run_shown", begin)
    code, _, error = answer(monkeypatch, capsys, "--simulate", length)
    assert code in (0, 1), error
    assert [scenario.duration_s for scenario in asked] == [seconds]
    assert asked[0].expectations == ()


@pytest.mark.parametrize(
    "words", [[], ["--simulate", ""], ["journal", "--simulate", "1h"]], ids=str
)
def test_none_or_two_sources_are_refused(
    words: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, error = answer(monkeypatch, capsys, *words)
    assert code == 2
    assert "one source is needed; accepted: JOURNAL..., or --simulate DURATION" in error


def test_the_arms_of_the_users_settings_are_the_ones_simulated(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rule(folder, "arm_bad{arm=champion}[5s]")
    code, out, error = answer(monkeypatch, capsys, "--simulate", "2m", "--json")
    assert code in (0, 1), error
    (found,) = json.loads(out)["rules"]
    assert found["playbook"] == "theirs"
    assert found["watched_days"] > 60.0 / 86_400.0, "the simulated world never had that arm"


def test_a_settings_file_elsewhere_is_obeyed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rule(folder, "arm_bad{arm=champion}[5s]")
    (folder / "apart").mkdir()
    monkeypatch.chdir(folder / "apart")
    words = ["--simulate", "2m", "--json", "--settings", str(folder / "selfright.yaml")]
    code, out, error = answer(monkeypatch, capsys, *words)
    assert code in (0, 1), error
    assert json.loads(out)["rules"][0]["watched_days"] > 60.0 / 86_400.0


def test_an_arm_that_the_settings_do_not_have_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rule(folder, "arm_bad{arm=primary}")
    code, _, error = answer(monkeypatch, capsys, "--simulate", "1m")
    assert code == 2
    assert "theirs.yaml" in error
    assert "champion" in error


def test_an_input_that_the_simulated_model_has_not_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rule(folder, "null_rate{feature=theirs}")
    code, _, error = answer(monkeypatch, capsys, "--simulate", "1m")
    assert code == 2
    assert "cannot be simulated" in error, error
